import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, LogRecord } from '../../log/index.ts';
import { openMemoryLog } from '../../log/memory/index.ts';
import type { StreamEvent } from '../port.ts';
import { StreamReader } from './stream-reader.ts';
import { agreements } from './agreements.ts';
import { turns } from './turns.ts';
import type { Fixture, StateHarness, StateOptions } from './fixture.ts';

const event = (n: number, topic = 't.decided'): StreamEvent => ({
  topic,
  record: { key: `k${n}`, partitionKey: 'one', headers: { ce_type: 'decided' }, value: JSON.stringify({ n }) },
});

async function all(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
  const found: LogRecord[] = [];
  for (let p = 0; p < (await log.partitions(topic)); p++) found.push(...(await log.read(topic, p, 0, 1000)));
  return found;
}
const versions = (records: readonly LogRecord[]): string[] =>
  records.map((r) => `${r.headers['pa_stream']}@${r.headers['pa_version']}`);

/** The behaviour that every adapter of the state port must show. */
export function stateContract(name: string, start: () => Promise<StateHarness>): void {
  describe(`${name}: state`, () => {
    const at = { reopen } as Fixture;
    const now = (): number => at.clock;
    async function reopen(options: Partial<StateOptions> = { log: at.log }): Promise<void> {
      await at.state.close();
      at.state = await at.harness.open({ now, ...options });
    }
    beforeEach(async () => {
      at.clock = 1_000_000;
      at.harness = await start();
      at.log = openMemoryLog({ partitions: 3 });
      at.state = await at.harness.open({ log: at.log, now });
    });
    afterEach(async () => {
      await at.state.close();
      await at.log.close();
      await at.harness.close();
    });

    describe('streams', () => {
      it('loads nothing of a missing stream, and its head afterwards', async () => {
        expect(await at.state.streams.load('app/1')).toBeUndefined();
        expect(await at.state.streams.append('app/1', 0, [event(1), event(2)], { status: 'new' })).toEqual({
          ok: true,
          version: 2,
        });
        expect(await at.state.streams.load('app/1')).toEqual({ version: 2, snapshot: { status: 'new' } });
        expect(await at.state.streams.append('app/1', 2, [], { status: 'seen' })).toEqual({ ok: true, version: 3 });
      });

      it('removes the streams of a prefix and no other, and one of them can begin again', async () => {
        const { streams } = at.state;
        for (const name of ['part/a/0', 'part/a/1', 'part/ab/0', 'part/b/0', 'part/a'])
          expect(await streams.append(name, 0, [], { content: 'x'.repeat(2000) })).toEqual({ ok: true, version: 1 });
        await streams.remove('part/a/');
        await streams.remove('part/a/');
        expect(await streams.load('part/a/0')).toBeUndefined();
        expect(await streams.load('part/a/1')).toBeUndefined();
        for (const name of ['part/ab/0', 'part/b/0', 'part/a']) expect(await streams.load(name)).toBeDefined();
        expect(await streams.append('part/a/0', 0, [], {})).toEqual({ ok: true, version: 1 });
        await expect(streams.remove('')).rejects.toThrow('prefix');
      });

      it('restores a head from the log if it has none or an older one, and continues from there', async () => {
        const { streams } = at.state;
        expect(await streams.restore('app/1', 3, { status: 'known' })).toBe(true);
        expect(await streams.load('app/1')).toEqual({ version: 3, snapshot: { status: 'known' } });
        expect(await streams.published('app/1', 3, 1000)).toEqual({});
        expect(await streams.restore('app/1', 3, { status: 'again' })).toBe(false);
        expect(await streams.restore('app/1', 2, { status: 'older' })).toBe(false);
        expect(await streams.append('app/1', 3, [event(1)], { status: 'new' })).toEqual({ ok: true, version: 4 });
        await streams.published('app/1', 4, 10_000);
        expect(versions(await all(at.log, 't.decided'))).toEqual(['app/1@4']);
        expect(await streams.restore('app/1', 6, { status: 'further' })).toBe(true);
        expect(await streams.load('app/1')).toEqual({ version: 6, snapshot: { status: 'further' } });
        expect(await streams.append('app/1', 4, [event(2)], {})).toEqual({ ok: false, actual: 6 });
      });

      it('keeps its outbox when a restore is refused, and empties it when a restore replaces the head', async () => {
        const { streams } = at.state;
        at.log.faults.away = true;
        for (const stream of ['kept', 'replaced']) await streams.append(stream, 0, [event(1), event(2)], {});
        expect(await streams.restore('kept', 2, {})).toBe(false);
        expect(await streams.restore('replaced', 5, { status: 'newer' })).toBe(true);
        expect(await streams.published('replaced', 5, 1000)).toEqual({});
        at.log.faults.away = false;
        expect(await streams.published('kept', 2, 10_000)).toBeDefined();
        expect(versions(await all(at.log, 't.decided'))).toEqual(['kept@1', 'kept@2']);
      });

      it('lets exactly one of two deciders win, and publishes no event of the other', async () => {
        const results = await Promise.all(
          [1, 2, 3, 4, 5].map((n) => at.state.streams.append('app/1', 0, [event(n)], { n })),
        );
        expect(results.filter((r) => r.ok)).toHaveLength(1);
        expect(results.filter((r) => !r.ok)).toEqual(Array.from({ length: 4 }, () => ({ ok: false, actual: 1 })));
        await at.state.streams.published('app/1', 1, 10_000);
        const records = await all(at.log, 't.decided');
        expect(records).toHaveLength(1);
        const winner = (await at.state.streams.load<{ n: number }>('app/1'))!.snapshot.n;
        expect(JSON.parse(Buffer.from(records[0]!.value).toString())).toEqual({ n: winner });
        expect(await at.state.streams.append('app/1', 7, [event(9)], {})).toEqual({ ok: false, actual: 1 });
      });

      it('publishes in the order of decisions, with stream, version and position, over several topics', async () => {
        await at.state.streams.append('app/1', 0, [event(1), event(2, 't.other'), event(3)], {});
        await at.state.streams.append('app/2', 0, [event(4)], {});
        const position = await at.state.streams.published('app/1', 3, 10_000);
        await at.state.streams.published('app/2', 1, 10_000);
        expect(versions(await all(at.log, 't.decided'))).toEqual(['app/1@1', 'app/1@3', 'app/2@1']);
        expect(versions(await all(at.log, 't.other'))).toEqual(['app/1@2']);
        const { partition, offset } = (await all(at.log, 't.decided'))[1]!;
        expect(position!['t.decided']![partition]).toBe(offset + 1);
        expect(Object.keys(position!).sort()).toEqual(['t.decided', 't.other']);
        expect((await all(at.log, 't.decided'))[0]).toMatchObject({
          key: 'k1',
          headers: { ce_type: 'decided', pa_stream: 'app/1', pa_version: '1' },
        });
      });

      it('waits for the relay until the timeout', async () => {
        at.log.faults.away = true;
        expect(await at.state.streams.append('app/1', 0, [event(1)], {})).toMatchObject({ ok: true });
        expect(await at.state.streams.published('app/1', 1, 20)).toBeUndefined();
        expect(await at.state.streams.published('app/unknown', 1, 1)).toBeUndefined();
        at.log.faults.away = false;
        expect(await at.state.streams.published('app/1', 1, 10_000)).toBeDefined();
        expect(await at.state.streams.published('app/1', 2, 1)).toBeUndefined();
      });

      it('publishes at the next opening the events that a crash left in the outbox', async () => {
        if (!at.harness.durable) return;
        await at.reopen({}); // no log: the process ends before its relay gets to it
        await at.state.streams.append('app/1', 0, [event(1), event(2)], { n: 2 });
        await at.reopen();
        expect(await at.state.streams.published('app/1', 2, 10_000)).toBeDefined();
        expect(versions(await all(at.log, 't.decided'))).toEqual(['app/1@1', 'app/1@2']);
        expect(await at.state.streams.append('app/1', 1, [event(3)], {})).toEqual({ ok: false, actual: 2 });
      });

      it('publishes in the order of the decisions over more streams than a page of the outbox has', async () => {
        at.log.faults.away = true;
        for (let n = 0; n < 120; n++)
          await at.state.streams.append(`s/${n % 60}`, Math.floor(n / 60), [event(n)], { n });
        at.log.faults.away = false;
        for (let n = 0; n < 60; n++) expect(await at.state.streams.published(`s/${n}`, 2, 10_000)).toBeDefined();
        const records = await all(at.log, 't.decided');
        expect(records.map((r) => r.key)).toEqual(Array.from({ length: 120 }, (_, n) => `k${n}`));
      });

      it('keeps names, snapshots and values unchanged', async () => {
        const snapshot = { 'a.b': 1, $set: [null, [], {}], text: 'é\u0000\u{1F9EC}\n', nested: { '': false } };
        for (const name of ['a.b/$c', 'é\n%', '']) {
          const value = Buffer.from([0, 255, 128, 10]);
          expect(
            await at.state.streams.append(
              name,
              0,
              [{ topic: 't.decided', record: { key: '', partitionKey: name, headers: { 'a.b': '$', e: '' }, value } }],
              snapshot,
            ),
          ).toMatchObject({ ok: true });
          expect((await at.state.streams.load(name))!.snapshot).toEqual(snapshot);
          await at.state.streams.published(name, 1, 10_000);
          const found = (await all(at.log, 't.decided')).find((r) => r.headers['pa_stream'] === name)!;
          expect(Buffer.from(found.value).equals(value)).toBe(true);
          expect(found.headers).toEqual({ 'a.b': '$', e: '', pa_stream: name, pa_version: '1' });
          expect(await at.state.claims.claim('names', name, `of ${name}`)).toBe(`of ${name}`);
          await at.state.work.put('names', [{ id: name, payload: snapshot }]);
          expect((await at.state.work.take('names', 'h', 100))!).toMatchObject({ id: name, payload: snapshot });
          await at.state.presence.announce('names', name, snapshot, 100);
        }
        expect(await at.state.claims.get('names', 'é\n%')).toBe('of é\n%');
        expect((await at.state.presence.list('names')).map((p) => p.data)).toEqual([snapshot, snapshot, snapshot]);
      });

      it('publishes again after a lost answer, and a reader drops the duplicates', async () => {
        at.log.faults.loseAnswers = 1;
        await at.state.streams.append('app/1', 0, [event(1), event(2)], {});
        await at.state.streams.published('app/1', 2, 10_000);
        await at.state.streams.append('app/1', 2, [event(3)], {});
        await at.state.streams.published('app/1', 3, 10_000);
        const records = await all(at.log, 't.decided');
        expect(versions(records)).toEqual(['app/1@1', 'app/1@2', 'app/1@1', 'app/1@2', 'app/1@3']);
        const reader = new StreamReader();
        expect(records.map((r) => reader.isNew(r))).toEqual([true, true, false, false, true]);
        expect(reader.version('app/1')).toBe(3);
        expect(reader.isNew({ headers: {} })).toBe(true);
      });
    });

    describe('claims', () => {
      it('belong to the first owner until it releases them or they expire', async () => {
        expect(await at.state.claims.claim('id', 'a', 'm1')).toBe('m1');
        expect(await at.state.claims.claim('id', 'a', 'm2')).toBe('m1');
        expect(await at.state.claims.claim('id', 'a', 'm1')).toBe('m1');
        expect(await at.state.claims.claim('other', 'a', 'm2')).toBe('m2');
        expect(await at.state.claims.release('id', 'a', 'm2')).toBe(false);
        expect(await at.state.claims.get('id', 'a')).toBe('m1');
        expect(await at.state.claims.release('id', 'a', 'm1')).toBe(true);
        expect(await at.state.claims.get('id', 'a')).toBeUndefined();
        expect(await at.state.claims.claim('id', 'a', 'm2', at.clock + 100)).toBe('m2');
        at.clock += 100;
        expect(await at.state.claims.get('id', 'a')).toBeUndefined();
        expect(await at.state.claims.claim('id', 'a', 'm3')).toBe('m3');
      });

      it('are decided together, with a duplicate key', async () => {
        await at.state.claims.claim('id', 'b', 'm0');
        expect(
          await at.state.claims.claimMany('id', [
            { key: 'a', owner: 'm1' },
            { key: 'b', owner: 'm1' },
            { key: 'a', owner: 'm2' },
          ]),
        ).toEqual(['m1', 'm0', 'm1']);
        const raced = await Promise.all(['x', 'y', 'z'].map((owner) => at.state.claims.claim('id', 'c', owner)));
        expect(new Set(raced).size).toBe(1);
      });

      it('are decided together, with many keys of which some are claimed or named twice', async () => {
        const keys = Array.from({ length: 70 }, (_, i) => `k${i}`);
        await at.state.claims.claimMany(
          'some',
          [keys[5]!, keys[40]!].map((key) => ({ key, owner: 'm0' })),
        );
        const wanted = [...keys, ...keys.slice(0, 20)].map((key, i) => ({ key, owner: i < 70 ? 'm1' : 'm2' }));
        const expected = keys.map((_, i) => (i === 5 || i === 40 ? 'm0' : 'm1'));
        expect(await at.state.claims.claimMany('some', wanted)).toEqual([...expected, ...expected.slice(0, 20)]);
      });

      it('of a key with half a surrogate pair belong to the first owner, too', async () => {
        const key = 'a\ud800';
        expect(await at.state.claims.claim('half', key, 'm0')).toBe('m0');
        expect(await at.state.claims.claim('half', key, 'm1')).toBe('m0');
        expect(await at.state.claims.claimMany('half', [{ key, owner: 'm1' }])).toEqual(['m0']);
      });

      it('are taken over together when they expire, and an owner may move its own end', async () => {
        const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
        const wanted = (owner: string, expiresAt?: number) =>
          keys.map((key) => ({ key, owner, ...(expiresAt !== undefined && { expiresAt }) }));
        expect(await at.state.claims.claimMany('many', wanted('m1', at.clock + 100))).toEqual(keys.map(() => 'm1'));
        expect(await at.state.claims.claimMany('many', wanted('m2', at.clock + 500))).toEqual(keys.map(() => 'm1'));
        expect(await at.state.claims.claimMany('many', wanted('m1', at.clock + 200).slice(100))).toEqual(
          keys.slice(100).map(() => 'm1'),
        );
        at.clock += 100;
        expect(await at.state.claims.claimMany('many', wanted('m3'))).toEqual([
          ...keys.slice(100).map(() => 'm3'),
          ...keys.slice(100).map(() => 'm1'),
        ]);
        expect(await at.state.claims.claimMany('many', [])).toEqual([]);
        for (let i = 0; i < 3; i++) expect(await at.state.claims.claim('past', 'k', 'm1', at.clock)).toBe('m1');
        expect(await at.state.claims.get('past', 'k')).toBeUndefined();
        at.clock += 1_000_000;
        expect(await at.state.claims.get('many', 'k0')).toBe('m3'); // without an end
        expect(await at.state.claims.get('many', 'k199')).toBeUndefined();
      });

      it('that bridge a time belong to the first owner until it releases them or they expire', async () => {
        const { bridging } = at.state;
        const of = (owner: string, ...keys: string[]) => keys.map((key) => ({ key, owner, expiresAt: at.clock + 100 }));
        expect(await bridging.claimMany('id', of('m1', 'a', 'b\ud800'))).toEqual(['m1', 'm1']);
        expect(await bridging.claimMany('id', [...of('m2', 'a', 'c'), ...of('m3', 'c')])).toEqual(['m1', 'm2', 'm2']);
        expect(await bridging.claimMany('other', of('m2', 'a'))).toEqual(['m2']);
        expect(await bridging.claimMany('id', [])).toEqual([]);
        const raced = await Promise.all(['x', 'y', 'z'].map((owner) => bridging.claimMany('id', of(owner, 'r'))));
        expect(new Set(raced.flat()).size).toBe(1);
        expect([await bridging.release('id', 'a', 'm2'), await bridging.get('id', 'a')]).toEqual([false, 'm1']);
        expect([await bridging.release('id', 'a', 'm1'), await bridging.get('id', 'a')]).toEqual([true, undefined]);
        expect([await bridging.release('id', 'a', 'm1'), await bridging.get('id', 'b\ud800')]).toEqual([false, 'm1']);
        at.clock += 50;
        expect(await bridging.claimMany('id', of('m2', 'c'))).toEqual(['m2']); // a later end
        at.clock += 50;
        expect([await bridging.get('id', 'b\ud800'), await bridging.get('id', 'c')]).toEqual([undefined, 'm2']);
        expect(await bridging.claimMany('id', of('m4', 'b\ud800', 'c'))).toEqual(['m4', 'm2']);
      });

      it('insert once: a jti is taken until it expires, also after a restart', async () => {
        const raced = await Promise.all([1, 2, 3].map(() => at.state.claims.insertOnce('jti', 'j1', at.clock + 300)));
        expect(raced.filter(Boolean)).toHaveLength(1);
        if (at.harness.durable) await at.reopen();
        expect(await at.state.claims.insertOnce('jti', 'j1', at.clock + 300)).toBe(false);
        at.clock += 299;
        expect(await at.state.claims.insertOnce('jti', 'j1', at.clock + 300)).toBe(false);
        at.clock += 1;
        expect(await at.state.claims.insertOnce('jti', 'j1', at.clock + 300)).toBe(true);
      });
    });

    agreements(at);
    turns(at);
  });
}
