import { eventually } from '@provider-access/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Appended, type Batch, EngineUnavailable, type EventLog, reached, RecordTooLarge } from '../port.ts';
import { partitionFor } from '../murmur2.ts';
import { backlogContract } from './backlog.ts';
import { groupContract } from './groups.ts';
import { manyKeysContract } from './many-keys.ts';
import { progressContract } from './progress.ts';
import { type CreateHarness, type LogHarness, record, records, sum, text, texts } from './support.ts';

export type { CreateHarness } from './support.ts';

const PARTITIONS = 4;
const MAX = 64 * 1024;
const INBOUND = 'payer.member-events';

/** The behaviour that every adapter of the log port shows. Call it at the top level of a spec. */
export function eventLogContract(name: string, create: CreateHarness): void {
  const opened = (topics: readonly string[], contract: Contract): void => {
    describe(`${name}: the log port`, () => {
      let harness: LogHarness;
      let log: EventLog;
      beforeEach(async () => {
        harness = await create({ partitions: PARTITIONS, maxRecordBytes: MAX, topics });
        log = await harness.open();
      });
      afterEach(async () => {
        await harness.away(false);
        await harness.destroy();
      });
      const reopen = async (): Promise<EventLog> => {
        await log.close();
        return (log = await harness.open());
      };
      contract(
        () => log,
        reopen,
        () => harness,
      );
    });
  };
  opened(['t', 'empty', INBOUND, `${INBOUND}.dead-letter`], appending);
  opened(['a', 'b', 'none'], following);
  opened(['t'], groupContract);
  opened(['in', 'out', 'other'], progressContract);
  opened(['in', 'out', 'other'], manyKeysContract);
  opened(['t'], backlogContract);
}

type Contract = (log: () => EventLog, reopen: () => Promise<EventLog>, harness: () => LogHarness) => void;

function appending(log: () => EventLog, reopen: () => Promise<EventLog>, harness: () => LogHarness): void {
  describe('append, read and head', () => {
    it('returns partition and offset of each record, in order, by the partition of its key', async () => {
      const given = records(100);
      const appended = await log().append('t', given);
      const next = [0, 0, 0, 0];
      const expected: Appended[] = given.map(({ partitionKey }) => {
        const partition = partitionFor(partitionKey, PARTITIONS);
        return { partition, offset: next[partition]!++ };
      });
      expect(appended).toEqual(expected);
      expect(await log().head(['t', 'empty'])).toEqual({ t: next, empty: [0, 0, 0, 0] });
      expect(await log().append('t', [])).toEqual([]);
    });

    it('has values of its own after an append, whatever their memory is used for', async () => {
      const values = ['one', 'two'].map((word) => Buffer.from(word));
      await log().append(
        't',
        values.map((value) => ({ ...record('k', '', { partition: 0 }), value })),
      );
      for (const value of values) value.fill(0);
      const seen: string[] = [];
      const handle = async (batch: Batch): Promise<void> => void seen.push(...texts(batch));
      const subscription = await log().subscribe({ group: 'g', topics: ['t'], handle });
      await eventually(() => expect(seen).toEqual(['one', 'two']));
      await subscription.stop();
      expect(texts({ records: await log().read('t', 0, 0, 10) })).toEqual(['one', 'two']);
    });

    it('carries a trace context on to consumers and readers', async () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await log().append('t', [record('k', 'v', { partition: 0, headers: { ce_type: 'x', traceparent } })]);
      let seen: string | undefined;
      const subscription = await log().subscribe({
        group: 'traced',
        topics: ['t'],
        handle: async (batch) => void (seen = batch.records[0]?.headers['traceparent']),
      });
      await expect.poll(() => seen).toBe(traceparent);
      await subscription.stop();
      expect((await log().read('t', 0, 0, 1))[0]?.headers['traceparent']).toBe(traceparent);
    });

    it('returns bytes, headers and keys unchanged', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const headers = {
        ce_type: 'x',
        'content-type': 'application/json',
        ce_subject: 'ä "quoted" \u{1f600}',
        empty: '',
      };
      const before = Date.now();
      await log().append('t', [
        record('k', bytes, { key: 'own key', partition: 2, headers }),
        record('k', 'größer \u{1f600}\u0000', { partition: 2 }),
        record('k', '', { partition: 2 }),
      ]);
      const [first, second, third] = await log().read('t', 2, 0, 10);
      expect(first).toMatchObject({ topic: 't', partition: 2, offset: 0, key: 'own key', headers });
      expect(Uint8Array.from(first!.value)).toEqual(bytes);
      expect(text(second!.value)).toBe('größer \u{1f600}\u0000');
      expect(third!.value.byteLength).toBe(0);
      expect(first!.timestamp).toBeGreaterThanOrEqual(before - 1);
      // The check whether an event is ahead of the platform's clock relies on it.
      expect(first!.timestampBy, 'the log sets the time').toBeUndefined();
    });

    it('reads ranges, and nothing past the end', async () => {
      await log().append(
        't',
        records(10).map((r) => ({ ...r, partition: 1 })),
      );
      expect((await log().read('t', 1, 3, 4)).map((r) => r.offset)).toEqual([3, 4, 5, 6]);
      expect((await log().read('t', 1, 8, 100)).map((r) => r.offset)).toEqual([8, 9]);
      expect(await log().read('t', 1, 10, 100)).toEqual([]);
      expect(await log().read('t', 0, 0, 100)).toEqual([]);
    });

    it('keeps the records of concurrent calls together per partition, and every call in its own order', async () => {
      const calls = Array.from({ length: 20 }, (_, call) =>
        Array.from({ length: 10 }, (_, i) => record(`member-${i % 3}`, `${call}/${i}`)),
      );
      const answers = await Promise.all(calls.map((call) => log().append('t', call)));
      answers.forEach((appended, call) => {
        for (let p = 0; p < PARTITIONS; p++) {
          const offsets = appended.filter((a) => a.partition === p).map((a) => a.offset);
          expect(offsets, `call ${call}`).toEqual(offsets.map((_, i) => offsets[0]! + i));
        }
      });
      for (let p = 0; p < PARTITIONS; p++) {
        for (const r of await log().read('t', p, 0, 1000)) {
          const [call, i] = text(r.value).split('/').map(Number);
          expect(answers[call!]![i!]).toEqual({ partition: p, offset: r.offset });
        }
      }
    });

    it('keeps the order of calls that nobody awaits', async () => {
      const calls = Array.from({ length: 200 }, (_, call) => [
        record('m', `${call}`, { partition: 1 }),
        record('m', `${call}`, { partition: 3 }),
      ]);
      await Promise.all(calls.map((call) => log().append('t', call)));
      for (const p of [1, 3])
        expect((await log().read('t', p, 0, 1000)).map((r) => text(r.value))).toEqual(
          calls.map((_, call) => `${call}`),
        );
    });

    it('accepts a call that is larger than a send of the engine, in order, and reads it page by page', async () => {
      const given = Array.from({ length: 2500 }, (_, i) => record('m', `${i}`.padEnd(1000, '.'), { partition: 2 }));
      const answers = await log().append('t', given);
      expect(answers).toEqual(given.map((_, offset) => ({ partition: 2, offset })));
      const found: string[] = [];
      for (let from = 0, page = 1; ; page = (page * 7) % 400) {
        const records = await log().read('t', 2, from, page);
        if (records.length === 0) break;
        expect(records.length).toBeLessThanOrEqual(page);
        found.push(...records.map((r) => text(r.value)));
        from = records[records.length - 1]!.offset + 1;
      }
      expect(found).toEqual(given.map(({ value }) => value));
    });

    it('has everything acknowledged after it was opened again, partition counts and offsets included', async () => {
      await log().append('t', records(50));
      const heads = await log().head(['t']);
      await reopen();
      expect(await log().head(['t'])).toEqual(heads);
      expect(await log().partitions('t')).toBe(PARTITIONS);
      const found = (await Promise.all([0, 1, 2, 3].map((p) => log().read('t', p, 0, 100)))).flat();
      expect(found.map((r) => Number(text(r.value))).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 50 }, (_, i) => i),
      );
      const [next] = await log().append('t', [record('x', 'x', { partition: 0 })]);
      expect(next!.offset).toBe(heads['t']![0]);
    });

    it('refuses a call for a record that is too large, names its index, and keeps other calls', async () => {
      // Our own topics accept twice the inbound limit and 1 MiB, so that every accepted event fits into a dead letter.
      const large = record('large', Buffer.alloc(MAX + 1));
      const before = log().append(INBOUND, [record('a')]);
      const refused = log().append(INBOUND, [record('b'), large, record('c')]);
      const after = log().append(INBOUND, [record('d')]);
      await expect(refused).rejects.toThrow(RecordTooLarge);
      await expect(refused).rejects.toMatchObject({ index: 1 });
      await Promise.all([before, after]);
      expect(sum((await log().head([INBOUND]))[INBOUND])).toBe(2);
      await log().append(`${INBOUND}.dead-letter`, [large]);
    });

    it('refuses a partition that does not exist and writes nothing', async () => {
      for (const partition of [-1, PARTITIONS, 1.5])
        await expect(log().append('t', [record('a'), record('b', 'b', { partition })])).rejects.toThrow(RangeError);
      expect(sum((await log().head(['t']))['t'])).toBe(0);
    });

    it('reports that the engine is away, and continues when it is back', async () => {
      await log().append('t', records(3));
      await harness().away(true);
      await expect(log().append('t', records(3, 16, 3))).rejects.toThrow(EngineUnavailable);
      await harness().away(false);
      await log().append('t', records(3, 16, 6));
      const found = (await Promise.all([0, 1, 2, 3].map((p) => log().read('t', p, 0, 100))))
        .flat()
        .map((r) => Number(text(r.value)));
      // By the port the three failed appends may have been written. The others are there once.
      expect(found.filter((n) => n < 3 || n >= 6).sort()).toEqual([0, 1, 2, 6, 7, 8]);
    });

    it('refuses calls after it was closed', async () => {
      await log().close();
      await log().close();
      await expect(log().append('t', records(1))).rejects.toThrow(EngineUnavailable);
      await expect(log().head(['t'])).rejects.toThrow(EngineUnavailable);
    });
  });
}

function following(log: () => EventLog): void {
  describe('follow', () => {
    it('has handled all existing records when it resolves, and then handles new ones', async () => {
      await log().append('a', records(100));
      await log().append('b', records(20));
      const seen: string[] = [];
      const subscription = await log().follow({
        topics: ['a', 'b'],
        maxRecords: 7,
        handle: (batch) => void seen.push(...texts(batch).map((t) => `${batch.topic}${t}`)),
      });
      expect(seen).toHaveLength(120);
      expect(reached(subscription.position(), await log().head(['a', 'b']))).toBe(true);
      await log().append('b', [record('x', 'last')]);
      await eventually(() => seen.at(-1) === 'blast');
      await subscription.stop();
      await log().append('b', [record('x', 'unseen')]);
      expect(seen).toHaveLength(121);
    });

    it('starts at a position', async () => {
      await log().append('a', records(40));
      const from = await log().head(['a']);
      await log().append('a', records(5, 16, 40));
      const seen: string[] = [];
      await (await log().follow({ topics: ['a'], from, handle: (batch) => void seen.push(...texts(batch)) })).stop();
      expect(seen.map(Number).sort()).toEqual([40, 41, 42, 43, 44]);
    });

    it('resolves on an empty topic', async () => {
      await (await log().follow({ topics: ['none'], handle: () => undefined })).stop();
    });

    it('delivers a batch again until it is handled', async () => {
      await log().append('a', records(10, 1));
      let attempts = 0;
      const seen: string[] = [];
      const subscription = await log().follow({
        topics: ['a'],
        maxRecords: 4,
        handle: (batch) => {
          if (attempts++ < 2) throw new Error('not yet');
          seen.push(...texts(batch));
        },
      });
      expect(seen.map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await subscription.stop();
    });
  });
}
