import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  encodeEvent,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PA_PROVIDERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
} from '@provider-access/events';
import { Derivation, type Subscription } from '@provider-access/engines/log';
import { MemoryData, type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts } from './facts.ts';
import { FACTS_PROJECTIONS } from './projections.ts';
import { sourceHolds } from './source-holds.ts';

/** Topics with as many partitions each as a deployment may have. */
const PARTITIONS: Readonly<Record<string, number>> = {
  [PAYER_MEMBER_EVENTS]: 12,
  [PAYER_PROVIDER_EVENTS]: 4,
  [PA_MEMBERS]: 12,
  [PA_ATTRIBUTION]: 12,
  [PA_ATTESTATIONS]: 12,
  [PA_CONSENT]: 5,
  [PA_PROVIDERS]: 3,
  'pa.registry': 1,
  'pa.groups': 12,
};

let log: MemoryLog;
let views: Views;
let projections: ProjectionSet;
let facts: Facts;
let clock: { ms: number; now: () => number };
const running: Subscription[] = [];

beforeEach(async () => {
  let data = new MemoryData();
  for (const [topic, partitions] of Object.entries(PARTITIONS)) {
    data = new MemoryData({ partitions, copy: data.store.copy() });
    data.store.partitions(topic);
  }
  log = openMemoryLog({ data });
  views = openMemoryViews();
  projections = new ProjectionSet({ log, views, projections: FACTS_PROJECTIONS });
  await projections.start();
  clock = { ms: 1_000_000, now: () => clock.ms };
  facts = new Facts({ log, views, clock, pollMs: 1_000_000 });
});
afterEach(async () => {
  await facts.stop();
  for (const s of running.splice(0)) await s.stop();
  await projections.stop();
  await log.close();
});
/** An instance of a deriver. The group assigns its share of the partitions. */
async function instance(deriver: 'attribution' | 'consent'): Promise<Subscription> {
  const derive = (topic: string, progressTopic: string) => {
    const derivation = new Derivation({ log, deriver, progressTopic });
    return log.subscribe({
      group: `${deriver}-${topic}`,
      topics: [topic],
      maxRecords: 7,
      handle: (batch) => derivation.complete(batch, { outputs: [], outcomes: [] }),
    });
  };
  const members = await derive(PAYER_MEMBER_EVENTS, deriver === 'consent' ? PA_CONSENT : PA_ATTRIBUTION);
  running.push(members);
  if (deriver === 'attribution') running.push(await derive(PAYER_PROVIDER_EVENTS, PA_PROVIDERS));
  return members;
}
const publish = (topic: string, key: string): Promise<unknown> =>
  log.append(topic, [
    encodeEvent({ id: key, source: 'urn:payer', type: 'x', time: '2026-01-01T00:00:00Z', subject: key, data: {} }),
  ]);
async function settled(): Promise<void> {
  expect(await facts.access.waitForPayer(await log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]), 60_000)).toBe(
    true,
  );
}

it('empty payer topics are fresh at once, with any derivers or none', async () => {
  await facts.start();
  expect([facts.freshness.ageMs(), facts.check()]).toEqual([0, { ready: true }]);
});

it('an event in a partition that no deriver has ever seen is not passed over', async () => {
  await facts.start();
  await publish(PAYER_MEMBER_EVENTS, 'm-1');
  clock.ms += 5001;
  await facts.freshness.poll();
  expect(facts.freshness.fresh()).toBe(false);
  await instance('consent');
  await facts.freshness.poll();
  expect(facts.freshness.fresh()).toBe(false);
  await instance('attribution');
  await settled();
  await facts.freshness.poll();
  expect(facts.freshness.ageMs()).toBe(0);
});

it('partitions that two instances share, in topics of different widths, are confirmed together', async () => {
  await facts.start();
  for (const deriver of ['attribution', 'consent', 'consent', 'attribution'] as const) await instance(deriver);
  for (let i = 0; i < 60; i++) await publish(i % 5 === 0 ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS, `k-${i}`);
  clock.ms += 10_000;
  await settled();
  await facts.freshness.poll();
  expect(facts.freshness.ageMs()).toBe(0);
});

it('a process that starts from the view while the payer is silent is fresh at once', async () => {
  for (const deriver of ['attribution', 'consent', 'consent', 'attribution'] as const) await instance(deriver);
  await facts.start();
  for (let i = 0; i < 60; i++) await publish(i % 5 === 0 ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS, `k-${i}`);
  await settled();
  const reader = views.reader(sourceHolds);
  expect(await reader.waitFor(await log.head([PA_CONSENT, PA_ATTRIBUTION]), 60_000)).toBe(true);
  const follow = vi.spyOn(log, 'follow');
  const second = new Facts({ log, views, clock, pollMs: 1_000_000 });
  await second.start();
  expect(follow.mock.calls[0]![0].from).toEqual({
    ...(await log.head([PA_CONSENT, PA_ATTRIBUTION])),
    [PA_ATTESTATIONS]: [],
  });
  expect([second.freshness.ageMs(), second.check()]).toEqual([0, { ready: true }]);
  await second.stop();
});

it('heads that move all the time are confirmed by the samples before', async () => {
  await facts.start();
  for (const deriver of ['attribution', 'consent'] as const) await instance(deriver);
  let sample = await log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
  for (let round = 0; round < 20; round++) {
    // No poll ever finds that everything in the log has been derived.
    for (let i = 0; i < 12; i++) await publish(PAYER_MEMBER_EVENTS, `r-${round}-${i}`);
    clock.ms += 500;
    const before = log.head.bind(log);
    log.head = async (topics) => {
      const head = await before(topics);
      return { ...head, [PAYER_MEMBER_EVENTS]: (head[PAYER_MEMBER_EVENTS] ?? []).map((n) => n + 1) };
    };
    await facts.freshness.poll();
    log.head = before;
    expect(await facts.access.waitForPayer(sample, 60_000)).toBe(true);
    sample = await log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
    expect(facts.freshness.fresh()).toBe(true);
  }
});

it('an instance that dies leaves its partitions to another, and the facts go on', async () => {
  await facts.start();
  await instance('attribution');
  const dies = await instance('consent');
  await publish(PAYER_MEMBER_EVENTS, 'm-1');
  await settled();
  await dies.stop();
  for (let i = 0; i < 24; i++) await publish(PAYER_MEMBER_EVENTS, `m-${i}`);
  clock.ms += 5001;
  await facts.freshness.poll();
  expect(facts.freshness.fresh()).toBe(false);
  await instance('consent');
  await settled();
  await facts.freshness.poll();
  expect(facts.freshness.fresh()).toBe(true);
});
