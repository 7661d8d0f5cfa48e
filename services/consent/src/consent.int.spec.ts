import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deadLetterTopic,
  encodeEvent,
  PA_CONSENT,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PROGRESS_TYPE,
  toStructured,
  dataOf,
} from '@provider-access/events';
import { EngineUnavailable, partitionFor } from '@provider-access/engines/log';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ConsentRegister } from './intake/consent-register.ts';
import { recallFrom } from './intake/recall.ts';
import { Harness, merged, optedIn, optedOut, payerEvent, START } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.member('m1');
  expect(await h.verdict('m1')).toBe('permit');
});
afterEach(() => h.stop());

async function typed(topic: string, type: string): Promise<Record<string, unknown>[]> {
  const out: Record<string, unknown>[] = [];
  for (let p = 0; p < (await h.log.partitions(topic)); p++)
    for (const r of await h.log.read(topic, p, 0, 1000))
      if (r.headers['ce_type'] === type) out.push(dataOf<Record<string, unknown>>(r));
  return out;
}
async function outcomes(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const p of await typed(PA_CONSENT, PROGRESS_TYPE))
    for (const o of (p['outcomes'] ?? []) as { counts: Record<string, number> }[])
      for (const [k, v] of Object.entries(o.counts)) counts[k] = (counts[k] ?? 0) + v;
  return counts;
}
const receipt = { extensions: { pareceipt: 'r-1' } };
const letters = () => typed(deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1');
const discard = (deadLetter: string, topic: string = PAYER_MEMBER_EVENTS): Promise<void> =>
  h.discard(deadLetter, topic);

describe('opt-out', () => {
  it('R17: denies at once, an opt-in permits again, and late or repeated events change nothing', async () => {
    const [out, back] = [optedOut('m1', receipt), optedIn('m1', receipt)];
    await h.publish(out);
    expect(await h.verdict('m1')).toBe('opted-out');
    await h.publish(back);
    expect(await h.verdict('m1')).toBe('permit');
    await h.publish(out, back);
    expect(await h.verdict('m1')).toBe('permit');
    expect(await outcomes()).toEqual({ recorded: 2, unchanged: 2 });
    expect(await typed(PA_CONSENT, 'pa.opted-out.v1')).toHaveLength(1);
  });
  it(
    'that is older than the one that stands is unchanged when it says the same, and superseded when it says ' +
      'something else',
    async () => {
      const older = (data: object, minutes: number) =>
        payerEvent('payer.member-opted-out.v1', 'm1', data, {
          ...receipt,
          time: new Date(START - minutes * 60_000).toISOString(),
        });
      const someone = { scope: 'provider-specific', targets: [{ npi: '1000000012' }] };
      await h.publish(older({}, 10));
      expect(await outcomes()).toEqual({ recorded: 1 });
      await h.publish(older({}, 20));
      expect(await outcomes()).toEqual({ recorded: 1, unchanged: 1 });
      await h.publish(older(someone, 30));
      expect(await outcomes()).toEqual({ recorded: 1, unchanged: 1, superseded: 1 });
      expect(await h.verdict('m1')).toBe('opted-out');
    },
  );
  it('wins over an opt-in that was given before it and arrives after it', async () => {
    const back = optedIn('m1');
    await h.publish(optedOut('m1'), back);
    expect(await h.verdict('m1')).toBe('opted-out');
  });
  it('takes effect at once though the clock of the payer runs ahead', async () => {
    await h.publish(optedOut('m1', { time: new Date(START + 240_000).toISOString() }));
    expect(await h.verdict('m1')).toBe('opted-out');
  });
  it('takes effect on its date', async () => {
    await h.publish(payerEvent('payer.member-opted-out.v1', 'm1', { effectiveFrom: '2026-07-01' }));
    expect(await h.verdict('m1')).toBe('permit');
    h.now = Date.UTC(2026, 6, 1);
    await h.facts.freshness.poll();
    expect(await h.verdict('m1')).toBe('opted-out');
  });
  it('with a used event id and other content is a dead letter, and denies until it is resolved', async () => {
    const out = optedOut('m1', { id: 'optout-m1' });
    await h.publish(out, optedIn('m1'));
    expect(await h.verdict('m1')).toBe('permit');
    // The intention of a payer that names events after members: out, in, and out again.
    await h.publish({ ...out, time: new Date(START).toISOString(), ...receipt });
    expect(await h.verdict('m1')).toBe('on-hold');
    expect(await letters()).toMatchObject([{ reason: 'event-id-reused', parkedBy: 'consent' }]);
    expect(await outcomes()).toEqual({ parked: 1 });
    // The same event twice counts once.
    await h.publish({ ...out, ...receipt });
    expect(await letters()).toHaveLength(1);
  });
  it('is not overruled by an opt-in that was given before it by a clock that runs ahead', async () => {
    await h.publish({ ...optedIn('m1'), source: 'urn:portal', time: new Date(START + 20_000).toISOString() });
    h.now += 1_000;
    await h.publish({ ...optedOut('m1'), source: 'urn:call-center', time: new Date(h.now).toISOString() });
    expect(await h.verdict('m1')).toBe('opted-out');
    h.now += 600_000;
    await h.facts.freshness.poll();
    expect(await h.verdict('m1')).toBe('opted-out');
  });
  it("wins over another source's opt-in within the tolerance of clocks, and not over a later one", async () => {
    await h.publish({ ...optedOut('m1'), source: 'urn:call-center', time: new Date(START - 400_000).toISOString() });
    await h.publish({ ...optedIn('m1'), source: 'urn:portal', time: new Date(START - 200_000).toISOString() });
    expect(await h.verdict('m1')).toBe('opted-out');
    await h.publish({ ...optedIn('m1', { id: 'later' }), source: 'urn:portal', time: new Date(START).toISOString() });
    expect(await h.verdict('m1')).toBe('permit');
  });
  it('denies although the clock steps back by an hour after it', async () => {
    await h.publish(optedOut('m1', { time: new Date(START).toISOString() }));
    expect(await h.verdict('m1')).toBe('opted-out');
    h.now -= 3_600_000;
    await h.facts.freshness.poll();
    expect(await h.verdict('m1')).toBe('opted-out');
  });
});

describe('two ids of one person', () => {
  it.each([
    ['as their ids fall', async () => 'm1'],
    ['in two partitions', async () => h.elsewhere('m1', 'x')],
  ])('%s: an opt-out of either holds for both, whichever comes first', async (_name, other) => {
    const far = await other();
    const pairs =
      far === 'm1'
        ? [
            ['a1', 'a1-old'],
            ['a2', 'a2-old'],
          ]
        : [
            [far, 'm1'],
            [await h.elsewhere('m1', 'y'), 'm1'],
          ];
    const [[keep, gone], [keep2, gone2]] = pairs as [[string, string], [string, string]];
    for (const m of new Set([keep, gone, keep2, gone2])) await h.member(m);
    await h.publish(optedOut(gone), merged(keep, gone));
    expect([await h.verdict(keep), await h.verdict(gone)]).toEqual(['opted-out', 'opted-out']);
    await h.publish(merged(keep2, gone2), optedOut(gone2));
    expect([await h.verdict(keep2), await h.verdict(gone2)]).toEqual(['opted-out', 'opted-out']);
  });
  it('published together, in two partitions, end denied on both', async () => {
    const far = await h.elsewhere('m1', 'x');
    for (let round = 0; round < 10; round++) {
      const [a, b] = [`${far}-a${round}`, `m1-b${round}`];
      await h.member(a);
      await h.member(b);
      await Promise.all(
        [merged(a, b), optedOut(b)].map((event) => h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event)])),
      );
      await h.passed();
      expect([await h.verdict(a), await h.verdict(b)]).toEqual(['opted-out', 'opted-out']);
    }
  });
  // Finding H1 (SECURITY.md): Kafka writes an append by partition, and one partition may fail. The process may also die
  // between two.
  it.each(['the first', 'the second', 'none'])(
    'an opt-out reaches both when %s of two partitions took it and the rest failed',
    async (which) => {
      const far = await h.elsewhere('m1', 'x');
      await h.member(far);
      await h.publish(merged(far, 'm1'));
      const append = h.log.append.bind(h.log);
      let failures = 1;
      h.log.append = async (topic, records) => {
        const partitions = new Set(
          await Promise.all(records.map(async (r) => partitionFor(r.partitionKey, await h.log.partitions(topic)))),
        );
        if (topic !== PA_CONSENT || partitions.size < 2 || failures-- <= 0) return append(topic, records);
        const [first, second] = [...partitions];
        const kept = which === 'none' ? undefined : which === 'the first' ? first : second;
        const taken = [];
        for (const r of records)
          if (partitionFor(r.partitionKey, await h.log.partitions(topic)) === kept) taken.push(r);
        if (taken.length > 0) await append(topic, taken);
        throw new EngineUnavailable('one partition has no leader');
      };
      await h.publish(optedOut('m1'));
      expect(failures).toBeLessThan(1);
      expect([await h.verdict('m1'), await h.verdict(far)]).toEqual(['opted-out', 'opted-out']);
    },
  );
  it('an opt-in under either id ends it for both; a third id joins them', async () => {
    await h.member('m2');
    await h.member('m3');
    await h.publish(optedOut('m1'), merged('m2', 'm1'), merged('m3', 'm2'));
    expect([await h.verdict('m1'), await h.verdict('m2'), await h.verdict('m3')]).toEqual([
      'opted-out',
      'opted-out',
      'opted-out',
    ]);
    await h.publish(optedIn('m3'));
    expect([await h.verdict('m1'), await h.verdict('m2'), await h.verdict('m3')]).toEqual([
      'permit',
      'permit',
      'permit',
    ]);
  });
});

describe('a state store that was lost', () => {
  it('is made up for from the log: an opt-out before it holds for who is merged after it', async () => {
    await h.member('m2');
    await h.publish(optedOut('m1'), optedIn('m1', { time: '2024-01-01T00:00:00.000Z' }));
    const published = await typed(PA_CONSENT, 'pa.opted-out.v1');
    const register = new ConsentRegister(openMemoryState(), recallFrom(h.log, h.facts));
    const { records } = await register.merge('m2', 'm1');
    expect(records.map((r) => [r.headers['ce_subject'], r.headers['ce_type']]).sort()).toEqual([
      ['m2', 'pa.opted-in.v1'],
      ['m2', 'pa.opted-out.v1'],
    ]);
    await h.log.append(PA_CONSENT, [...records]);
    await h.passed();
    expect([await h.verdict('m1'), await h.verdict('m2')]).toEqual(['opted-out', 'opted-out']);
    // Earlier statements are not published again, and are the same under the other id.
    const said = await typed(PA_CONSENT, 'pa.opted-out.v1');
    expect(said.filter((d) => d['member'] === 'm1')).toEqual(published);
    expect(said.filter((d) => d['member'] === 'm2')).toEqual([{ ...published[0], member: 'm2' }]);
    expect((await h.facts.reader.get('m1'))!['consent']).toMatchObject({ outs: [{ scope: 'global' }] });
  });
});

describe('an opt-out that cannot be read', () => {
  const broken = (headers: Record<string, string> = {}) => ({
    ...encodeEvent(optedOut('m1')),
    value: '{"scope":',
    headers: { ...encodeEvent(optedOut('m1')).headers, ...headers },
  });
  it('denies its member until it is discarded', async () => {
    await h.publishRaw(broken());
    expect(await h.verdict('m1')).toBe('on-hold');
    const [letter] = await letters();
    expect(letter).toMatchObject({ reason: 'not-json', parkedBy: 'consent' });
    await discard(letter!['deadLetter'] as string);
    await expect.poll(() => h.verdict('m1')).toBe('permit');
  });
  it('denies until the corrected event is there, which then counts', async () => {
    const bad = payerEvent('payer.member-opted-out.v1', 'm1', { scope: 'everything' }, receipt);
    await h.publish(bad);
    expect(await h.verdict('m1')).toBe('on-hold');
    const [letter] = await letters();
    await h.replay(letter!['deadLetter'] as string, { ...bad, data: { scope: 'global' } });
    await expect.poll(() => h.verdict('m1')).toBe('opted-out');
    await h.publish(optedIn('m1'));
    expect(await h.verdict('m1')).toBe('permit');
  });
  it.each([
    ['among provider events', PAYER_PROVIDER_EVENTS, 'm1', 'wrong-topic'],
    ['under the key of another member', PAYER_MEMBER_EVENTS, 'm2', 'key-names-another-member'],
  ])(
    'or lies %s: parked once, denies until it is discarded or replayed in its place',
    async (_, topic, key, reason) => {
      const misplaced = optedOut('m1', receipt);
      await h.log.append(topic, [encodeEvent(misplaced, { key })]);
      await expect.poll(() => h.verdict('m1')).toBe('on-hold');
      const parked = await typed(deadLetterTopic(topic), 'pa.event-parked.v1');
      expect(parked.map((l) => [l['reason'], l['parkedBy']])).toEqual([[reason, 'consent']]);
      await h.passed();
      expect(await outcomes()).toEqual({ parked: 1 });
      await h.replay(parked[0]!['deadLetter'] as string, misplaced, topic);
      await expect.poll(() => h.verdict('m1')).toBe('opted-out');
      await h.publish(optedIn('m1'));
      await h.log.append(topic, [encodeEvent(optedOut('m1', receipt), { key })]);
      await expect.poll(() => h.verdict('m1')).toBe('on-hold');
      const again = (await typed(deadLetterTopic(topic), 'pa.event-parked.v1')).find(
        (l) => l['deadLetter'] !== parked[0]!['deadLetter'],
      );
      await discard(again!['deadLetter'] as string, topic);
      await expect.poll(() => h.verdict('m1')).toBe('permit');
    },
  );
  // Finding H4 (SECURITY.md): no member belongs to a portal that has never published before.
  it('without a member, from a source that is new, denies everybody until it is discarded', async () => {
    const { ce_subject: _, ...headers } = broken().headers;
    await h.publishRaw({ ...broken(), headers: { ...headers, ce_source: 'urn:new-portal' } });
    expect(await h.verdict('m1')).toBe('source-on-hold');
    await discard((await letters())[0]!['deadLetter'] as string);
    await expect.poll(() => h.verdict('m1')).toBe('permit');
  });
  it('names nobody, where the operator chose so: its whole source is denied, and only that', async () => {
    await h.stop();
    h = await new Harness().start({ unreadableConsent: 'hold-source' });
    await h.member('m1');
    await h.member('m2', 'urn:other');
    const { ce_subject: _, ...headers } = broken().headers;
    await h.publishRaw({ ...broken(), headers });
    expect([await h.verdict('m1'), await h.verdict('m2')]).toEqual(['source-on-hold', 'permit']);
    await discard((await letters())[0]!['deadLetter'] as string);
    await expect.poll(() => h.verdict('m1')).toBe('permit');
  });
  it('holds the other id of the person too', async () => {
    await h.member('m2');
    await h.publish(merged('m2', 'm1'));
    await h.publishRaw(broken());
    expect(await h.verdict('m2')).toBe('on-hold');
  });
  it.each(['binary', 'structured'])(
    'of a version that is not known here (%s): denies until it is resolved',
    async (mode) => {
      const unknown = { ...optedOut('m1'), type: 'payer.member-opted-out.v3' };
      if (mode === 'binary') await h.publish(unknown);
      else
        await h.publishRaw({
          key: 'm1',
          partitionKey: 'm1',
          headers: { 'content-type': 'application/cloudevents+json' },
          value: JSON.stringify(toStructured(unknown)),
        });
      expect(await h.verdict('m1')).toBe('on-hold');
      // The resources service makes its dead letter, as for every unknown type, under the same name.
      expect(await letters()).toEqual([]);
      const [hold] = await typed(PA_CONSENT, 'pa.access-held.v1');
      await discard(hold!['deadLetter'] as string);
      await expect.poll(() => h.verdict('m1')).toBe('permit');
    },
  );
  it.each([
    'payer.member-optedout.v1',
    'Payer.Member-Opted-Out.V1',
    'payer.member-opted-out.v1 ',
    'pa.gap.v1',
    'pa.opted-in.v1',
  ])('is misspelt, or of a type of ours (%s): denies its member until it is discarded', async (type) => {
    await h.publish({ ...optedOut('m1'), type });
    expect(await h.verdict('m1')).toBe('on-hold');
    const [hold] = await typed(PA_CONSENT, 'pa.access-held.v1');
    expect(hold).toMatchObject({ eventType: 'unknown' });
    await discard(hold!['deadLetter'] as string);
    await expect.poll(() => h.verdict('m1')).toBe('permit');
  });
  it('in structured mode, broken: denies under the name that its bytes give', async () => {
    const value =
      '{"specversion":"1.0","type":"payer.member-opted-out.v1","source":"urn:payer","subject":"m1","id":"x","time":';
    await h.publishRaw({
      key: 'm1',
      partitionKey: 'm1',
      headers: { 'content-type': 'application/cloudevents+json' },
      value,
    });
    expect(await h.verdict('m1')).toBe('on-hold');
    expect(await letters()).toEqual([]);
  });
});

it('a stopped intake means 503 within the bound, not a stale permit', async () => {
  await h.stopIntake();
  await h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(optedOut('m1'))]);
  h.now += 5001;
  await h.facts.freshness.poll();
  await expect(h.verdict('m1')).rejects.toMatchObject({ kind: 'unavailable', retryAfter: 1 });
});

it('a batch that comes again publishes nothing new', async () => {
  h.log.faults.loseCommits = 1;
  await h.publish(optedOut('m1'), optedIn('m1'));
  expect(await h.verdict('m1')).toBe('permit');
});
