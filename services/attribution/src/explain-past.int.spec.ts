import { beforeEach, describe, expect, it } from 'vitest';
import { dataOf, encodeEvent, PA_ATTRIBUTION, PA_AUDIT, PA_MEMBERS, PA_REGISTRY } from '@provider-access/events';
import { history } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { recordsOf } from '@provider-access/process/testing';
import { ADMIN, attributed, enrolled, Harness, inNetwork, NPI, panel, PAYER, payerEvent } from '../test/harness.ts';

/** Questions about the past (APPS.md, P10 to P18). The clock of the harness stands still between its steps. */
const DAY_MS = 24 * 3600_000;
const admin = { authorization: `Bearer ${ADMIN}` };
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  return () => h.stop();
});

const now = (): string => instant(h.now);
const ask = async (more: Record<string, string>, headers = admin) =>
  h.get(`/ops/explain?${new URLSearchParams({ client: 'c1', member: 'm1', ...more })}`, headers);
const answer = async (more: Record<string, string>) =>
  (await ask(more)).json<{ decision: string; reason?: string; unknownBefore?: string; [more: string]: unknown }>();
/** Appends the same statement about m1 under as many ids. */
const repeated = async (topic: string, type: string, datas: readonly object[]): Promise<void> => {
  const records = datas.map((data, n) => {
    const event = { id: `repeated-${n}`, source: 'urn:test', type, time: now(), subject: 'm1', data };
    return encodeEvent({ ...event, extensions: { pasource: 'urn:payer' } }, { key: 'm1', partitionKey: 'm1' });
  });
  await h.log.append(topic, records);
  await h.settle();
};
const rows = async (topic: string): Promise<number> => {
  const reader = h.views.reader(history);
  await reader.waitFor(await h.log.head([topic]), 60_000);
  const part = topic.replace('pa.', '');
  let count = 0;
  for await (const _ of reader.scan({ index: `by_${part}`, equals: ['m1'] })) count += 1;
  return count;
};

describe('explain, as valid and as known', () => {
  it('P10: refuses an unknown parameter, a day, and a time of knowledge in the future, by name', async () => {
    for (const [more, text] of [
      [{ knwon: now() }, 'no parameter knwon'],
      [{ known: '2026-03-03' }, 'known must be an RFC 3339 instant'],
      [{ at: '2026-03-03' }, 'at must be an RFC 3339 instant'],
      [{ known: instant(h.now + 1) }, 'known must not be in the future'],
    ] as const) {
      const refused = await ask(more);
      expect([refused.statusCode, refused.body], text).toEqual([400, expect.stringContaining(text)]);
    }
  });

  it('P10, P12, P17, P19: tells what was known from what was valid, by default what was known then', async () => {
    await h.publish(inNetwork(), enrolled('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(DAY_MS);
    const third = now();
    await h.advance(6 * DAY_MS);
    await h.publish(attributed('m1'));
    await h.settle();
    await h.advance(1000);
    const ninth = now();
    const denied = { decision: 'deny', reason: 'not-attributed', now: { decision: 'permit' } };
    expect(await answer({ at: third })).toMatchObject({ ...denied, at: third, known: third });
    expect(await answer({ at: third, known: third })).toMatchObject(denied);
    const changes = [{ change: 'attribution', of: [`npi|${NPI}`] }];
    expect(await answer({ at: third })).toMatchObject({ changes, later: { decision: 'permit' } });
    expect(await answer({ at: third, known: ninth })).toMatchObject({
      decision: 'permit',
      at: third,
      known: ninth,
      memberFacts: { attributions: [{ recordedAt: instant(Date.parse(ninth) - 1000) }] },
    });
    expect(await answer({})).toMatchObject({ decision: 'permit', at: ninth, known: ninth, changes: [] });
    const { words } = (await answer({ at: third })) as { words?: readonly string[] };
    expect(words).toEqual([
      expect.stringMatching(/^On 2 June 2026 at 12:00:00 UTC the platform denied \(/),
      'It learned on 8 June 2026 at 12:00:00 UTC that the attribution had begun on 1 January 2025.',
      'By what it knows now, it would have permitted.',
    ]);
  });

  it('P12: has facts that the view of the present has dropped', async () => {
    await h.publish(inNetwork(), attributed('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    const moments: string[] = [];
    // Coverage begins and ends in turns, oftener than the facts of the present keep.
    for (let n = 0; n < 24; n++) {
      const data = { coverageId: 'cov', [n % 2 === 0 ? 'from' : 'to']: now() };
      const type = n % 2 === 0 ? 'payer.member-enrolled.v1' : 'payer.member-terminated.v1';
      await h.publish(payerEvent(type, 'm1', data, { id: `turn-${n}`, time: now() }));
      await h.settle();
      await h.advance(60_000);
      moments.push(now());
      await h.advance(60_000);
    }
    const decisions = await Promise.all(moments.map(async (at) => (await answer({ at })).decision));
    const alternating = moments.map((_, n) => (n % 2 === 0 ? 'permit' : 'deny'));
    expect(decisions).toEqual(alternating);
    const known = now();
    expect(await Promise.all(moments.map(async (at) => (await answer({ at, known })).decision))).toEqual(alternating);
  });

  it('P13: keeps equal statements once', async () => {
    await h.publish(...panel('m1'));
    const before = await rows(PA_ATTRIBUTION);
    const time = now();
    const data = { member: 'm1', group: 'g', providers: [`npi|${NPI}`], from: time, businessTime: time };
    await repeated(
      PA_ATTRIBUTION,
      'pa.member-attributed.v1',
      Array.from({ length: 2000 }, () => data),
    );
    expect(await rows(PA_ATTRIBUTION)).toBe(before + 1);
  });

  it('P13: says since when it is complete above 1,000 statements, and denies nothing before', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(1000);
    const early = now();
    await h.advance(1000);
    const coverages = (from: number, to: number): readonly object[] =>
      Array.from({ length: to - from }, (_, n) => {
        const time = instant(h.now + n);
        return { member: 'm1', coverageId: 'cov-m1', from: time, businessTime: time, sequence: from + n };
      });
    await repeated(PA_MEMBERS, 'pa.coverage-changed.v1', coverages(0, 600));
    await h.advance(DAY_MS);
    await repeated(PA_MEMBERS, 'pa.coverage-changed.v1', coverages(600, 1200));
    await h.advance(DAY_MS);
    const known = now();
    const facts = (await answer({ at: instant(h.now - 1), known }))['memberFacts'] as { completeFrom: string };
    expect(Date.parse(facts.completeFrom)).toBeGreaterThan(Date.parse(early));
    expect(await answer({ at: early, known })).toMatchObject({
      decision: 'unknown',
      unknownBefore: facts.completeFrom,
    });
    // With what was known then, nothing is missing.
    expect(await answer({ at: early })).toMatchObject({ decision: 'permit' });
  });

  it('P14: remembers a hold and its release', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(1000);
    const hold = { source: 'urn:payer', deadLetter: 'd1' };
    await h.consentSays('pa.access-held.v1', 'm1', { ...hold, eventType: 'payer.member-opted-out.v1' });
    await h.advance(1000);
    const held = now();
    await h.advance(1000);
    await h.consentSays('pa.access-released.v1', 'm1', hold);
    await h.advance(1000);
    expect(await answer({ at: held })).toMatchObject({ decision: 'deny', reason: 'on-hold' });
    expect(await answer({ at: held, known: now() })).toMatchObject({ decision: 'deny', reason: 'on-hold' });
    expect(await answer({})).toMatchObject({ decision: 'permit' });
  });

  it('P14: answers a retired id as it was served, and the member that stays beside it', async () => {
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(1000);
    const before = now();
    await h.advance(1000);
    await h.publish(payerEvent('payer.members-merged.v1', 'm2', { from: 'm1' }));
    await h.settle();
    await h.advance(1000);
    const after = now();
    await h.advance(1000);
    expect(await answer({ at: after })).toMatchObject({ member: 'm1', survivor: { member: 'm2', decision: 'permit' } });
    expect(await answer({ at: before })).toMatchObject({ member: 'm1', decision: 'permit' });
    expect(await answer({ at: before })).not.toHaveProperty('survivor');
  });

  it('P15: is unknown before the first record, and never a denial', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    const first = instant(Math.min(...(await recordsOf(h.log, PA_REGISTRY)).map(({ timestamp }) => timestamp)));
    await h.advance(1000);
    const { decision, unknownBefore } = await answer({ at: instant(Date.parse(first) - 1) });
    expect([decision, unknownBefore! <= first]).toEqual(['unknown', true]);
    // What is known now decides about then, too.
    expect(await answer({ at: '2024-06-01T00:00:00Z', known: now() })).toMatchObject({ decision: 'deny' });
  });

  it('P15: does not know what was recorded between a copy of the log and its restore', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(DAY_MS);
    const copied = now();
    await h.advance(DAY_MS);
    const lost = now();
    await h.advance(DAY_MS);
    const restoredAt = now();
    const event = { id: 'restore', source: 'urn:test', time: restoredAt };
    const data = { restore: 'r1', copied, restoredAt };
    const record = encodeEvent({ ...event, type: 'pa.log-restored.v1', data }, { key: 'restore', partitionKey: 'r' });
    await h.log.append(PA_REGISTRY, [record]);
    const accepted = { restore: 'r1', by: 'a test', reason: 'a test', at: restoredAt };
    await h.log.append(PA_REGISTRY, [
      encodeEvent(
        { ...event, id: 'accepted', type: 'pa.restore-accepted.v1', data: accepted },
        { key: 'accepted', partitionKey: 'r' },
      ),
    ]);
    await h.settle();
    await h.advance(1000);
    expect(await answer({ at: lost })).toMatchObject({ decision: 'unknown', unknownBefore: restoredAt });
    expect(await answer({ at: instant(Date.parse(copied) - 1) })).toMatchObject({ decision: 'permit' });
    expect(await answer({})).toMatchObject({ decision: 'permit' });
  });

  it('P16: a statement counts from the transaction time on at which it was stamped, whatever the clock', async () => {
    await h.publish(inNetwork(), enrolled('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(1000);
    const stamped = instant(h.now + DAY_MS);
    const data = { member: 'm1', group: 'g', providers: [`npi|${NPI}`], from: '2025-01-01T00:00:00.000Z' };
    const event = { id: 'late', source: 'urn:test', type: 'pa.member-attributed.v1', time: now(), subject: 'm1' };
    const record = encodeEvent(
      {
        ...event,
        data: { ...data, businessTime: now() },
        extensions: { pasource: 'urn:payer', parecordedat: stamped },
      },
      { key: 'm1', partitionKey: 'm1' },
    );
    await h.log.append(PA_ATTRIBUTION, [record]);
    await h.settle();
    await h.advance(1000);
    const between = now();
    await h.advance(2 * DAY_MS);
    expect(await answer({ at: between })).toMatchObject({ decision: 'deny', reason: 'not-attributed' });
    expect(await answer({ at: stamped })).toMatchObject({ decision: 'permit' });
  });

  it('P18: answers nobody but the administrator, and each question is audited', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await ask({ at: now() }, app)).statusCode).toBe(401);
    expect((await ask({ at: now() }, { authorization: `Bearer ${PAYER}` })).statusCode).toBe(401);
    await h.advance(1000);
    await answer({ at: instant(h.now - 500) });
    const entries = (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<object>(record));
    expect(entries.at(-1)).toMatchObject({ action: 'explain', client: 'administrator', members: ['m1'] });
  });
});
