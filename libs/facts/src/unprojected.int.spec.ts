import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  PROGRESS_TYPE,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { type Logger, Metrics } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts } from './facts.ts';
import { toMemberFacts } from './member-facts.ts';
import { FACTS_PROJECTIONS } from './projections.ts';

const NOW = Date.UTC(2026, 5, 1);
const AT = '2025-01-01T00:00:00.000Z';
const NPI = 'npi|1000000001';

let log: ReturnType<typeof openMemoryLog>;
let projections: ProjectionSet;
let facts: Facts;
const running: { stop(): Promise<void> }[] = [];
let views: ReturnType<typeof openMemoryViews>;

let logged: unknown[];
let logger: Pick<Logger, 'error'>;

let n = 0;
const ours = (type: string, subject: string | undefined, data: object): NewRecord =>
  encodeEvent({
    id: `e${++n}`,
    source: 'urn:test',
    type,
    time: AT,
    data,
    ...(subject !== undefined && { subject }),
    extensions: { pasource: 'urn:payer' },
  });
/** A record of ours as a fault of the platform might write it: its data cannot be read. */
const broken = (type: string, subject?: string): NewRecord => ({ ...ours(type, subject, {}), value: '{"member":' });

async function follow(): Promise<Facts> {
  const one = new Facts({ log, views, clock: { now: () => NOW }, logger, pollMs: 5 });
  running.push(one);
  await one.start();
  return one;
}
beforeEach(async () => {
  logged = [];
  logger = {
    error: (details: object, message: string) => void logged.push({ ...details, message }),
  } as unknown as typeof logger;
  log = openMemoryLog({ now: () => NOW });
  views = openMemoryViews();
  projections = new ProjectionSet({ log, views, projections: FACTS_PROJECTIONS });
  running.push(projections);
  await projections.start();
  await log.append(PA_REGISTRY, [
    ours('pa.app-registered.v1', 'c1', {
      client: 'c1',
      name: 'c1',
      scope: '',
      contacts: [],
      npis: [],
      tins: [],
      registrationTokenHash: 'x',
      registeredAt: AT,
    }),
    ours('pa.app-approved.v1', 'c1', { client: 'c1', providers: [NPI], scope: '', by: 'test' }),
  ]);
  await log.append(PA_PROVIDERS, [
    ours('pa.network-status-recorded.v1', NPI, { provider: NPI, status: 'in-network', from: AT, businessTime: AT }),
  ]);
  facts = await follow();
  for (const member of ['m1', 'm2']) await member1(member);
  expect(await verdicts()).toEqual(['permit', 'permit']);
});
afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.stop();
  await log.close();
});

async function member1(member: string): Promise<void> {
  await log.append(PA_MEMBERS, [
    ours('pa.coverage-changed.v1', member, { member, coverageId: 'c', from: AT, businessTime: AT, sequence: 0 }),
  ]);
  await log.append(PA_ATTRIBUTION, [
    ours('pa.member-attributed.v1', member, { member, group: 'g1', providers: [NPI], from: AT, businessTime: AT }),
  ]);
}
/** Waits until everything in the log is known. */
async function settled(one = facts): Promise<void> {
  const heads = await log.head([PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT, PA_PROVIDERS, PA_REGISTRY]);
  const { [PA_PROVIDERS]: providers = [], [PA_REGISTRY]: registry = [], ...members } = heads;
  expect(await one.reader.waitFor(members, 60_000)).toBe(true);
  const { [PA_MEMBERS]: _, ...rest } = members;
  expect(await one.parties.waitFor({ ...rest, [PA_PROVIDERS]: providers, [PA_REGISTRY]: registry }, 60_000)).toBe(true);
}
async function verdicts(one = facts): Promise<string[]> {
  await settled(one);
  await one.freshness.poll();
  return Promise.all(
    ['m1', 'm2'].map(async (member) => {
      const decision = await one.access.decide('c1', { kind: 'read' }, member);
      return decision.permit ? 'permit' : decision.reason;
    }),
  );
}
const out = (member: string): NewRecord =>
  ours('pa.opted-out.v1', member, { member, scope: 'global', effective: AT, businessTime: AT, setBy: 'member' });

describe('a record of ours that cannot be projected', () => {
  it.each([
    [PA_CONSENT, 'pa.opted-out.v1'],
    [PA_CONSENT, 'pa.opted-in.v1'],
    [PA_CONSENT, 'pa.access-held.v1'],
    [PA_ATTRIBUTION, 'pa.attribution-ended.v1'],
    [PA_MEMBERS, 'pa.coverage-changed.v1'],
    [PA_MEMBERS, 'pa.member-merged.v1'],
  ])('in %s (%s) denies its member, and what is behind it goes on', async (topic, type) => {
    await log.append(topic, [broken(type, 'm1')]);
    expect(await verdicts()).toEqual(['on-hold', 'permit']);
    // After it, a member whom the record does not concern opts out, and an event about the denied member is published
    // too.
    await log.append(PA_CONSENT, [out('m2')]);
    await member1('m1');
    expect(await verdicts()).toEqual(['on-hold', 'opted-out']);
    expect(projections.failure()).toBeUndefined();
    await eventually(async () =>
      expect(await projections.check()).toEqual({
        ready: true,
        detail: expect.stringMatching(/facts_members_v\d+ passed over 1 records/) as string,
      }),
    );
    // The next process that starts, and a rebuilt view, give the same result.
    expect(await projections.rebuild('members', { graceMs: 0 })).toMatchObject({ equal: true });
    expect(await verdicts(await follow())).toEqual(['on-hold', 'opted-out']);
  });

  it('holds once, however many of them there are: the document does not grow', async () => {
    await log.append(PA_CONSENT, [broken('pa.opted-out.v1', 'm1')]);
    await settled();
    const size = JSON.stringify(await facts.reader.get('m1')).length;
    await log.append(
      PA_CONSENT,
      Array.from({ length: 50 }, () => broken('pa.opted-out.v1', 'm1')),
    );
    await settled();
    expect(JSON.stringify(await facts.reader.get('m1')).length).toBe(size);
  });

  it('about a whole source denies everybody, in a process that starts later as well', async () => {
    await log.append(PA_CONSENT, [{ ...broken('pa.access-held.v1'), key: 'urn:payer', partitionKey: 'urn:payer' }]);
    expect(await verdicts()).toEqual(['source-on-hold', 'source-on-hold']);
    expect(facts.check()).toEqual({
      ready: true,
      detail: expect.stringContaining('1 records of the platform could not be read') as string,
    });
    await eventually(async () => (await projections.status()).every(({ failure }) => failure === undefined));
    expect(await verdicts(await follow())).toEqual(['source-on-hold', 'source-on-hold']);
  });

  it('is measured, so that an alert tells the operator', async () => {
    const metrics = new Metrics();
    const measured = new Facts({ log, views, clock: { now: () => NOW }, pollMs: 5, metrics, service: 'resources' });
    running.push(measured);
    await measured.start();
    expect(await metrics.text()).toContain('pa_facts_unreadable_records{service="resources"} 0');
    await log.append(PA_REGISTRY, [broken('pa.app-suspended.v1', 'c1')]);
    await settled(measured);
    expect(await metrics.text()).toContain('pa_facts_unreadable_records{service="resources"} 1');
  });

  it('about a provider takes it out of the network', async () => {
    await log.append(PA_PROVIDERS, [broken('pa.network-status-recorded.v1', NPI)]);
    expect(await verdicts()).toEqual(['not-in-network', 'not-in-network']);
  });

  it('about a client makes it unknown; other clients go on', async () => {
    await log.append(PA_REGISTRY, [
      broken('pa.app-suspended.v1', 'c1'),
      ours('pa.app-approved.v1', 'c2', { client: 'c2', providers: [NPI], scope: '', by: 'test' }),
    ]);
    expect(await verdicts()).toEqual(['client-unknown', 'client-unknown']);
    expect(await facts.access.decide('c2', { kind: 'read' }, 'm1')).toMatchObject({ permit: true });
  });

  it('about progress is passed over', async () => {
    for (const topic of [PA_CONSENT, PA_ATTRIBUTION, PA_PROVIDERS])
      await log.append(topic, [broken(PROGRESS_TYPE, 'progress/consent')]);
    expect(await verdicts()).toEqual(['permit', 'permit']);
  });
});

it('a document that cannot be read denies its member', () => {
  expect(
    toMemberFacts({ _id: 'm1', members: { coverage: null }, consent: { outs: 7, sources: [] } } as never),
  ).toMatchObject({ member: 'm1', coverage: [], holds: [{ from: '0001-01-01T00:00:00.000Z' }] });
});

describe('a record of ours that a process could not read', () => {
  it('is named once in its log, by place, type and the name of the error, and without what it says', async () => {
    const [held, status] = [broken('pa.access-held.v1'), broken('pa.network-status-recorded.v1', 'npi|1000000009')];
    await log.append(PA_CONSENT, [held]);
    await log.append(PA_PROVIDERS, [status]);
    await settled();
    // A second service of the process, with the same logger, reads both records too.
    await settled(await follow());
    const common = {
      partition: expect.any(Number),
      offset: expect.any(Number),
      error: expect.stringMatching(/^(Syntax|Type)Error$/),
      message: expect.stringContaining('ProviderAccessRecordsUnreadable'),
    };
    expect(logged).toHaveLength(2);
    expect(logged).toEqual(
      expect.arrayContaining([
        { topic: PA_CONSENT, eventType: 'pa.access-held.v1', ...common },
        { topic: PA_PROVIDERS, eventType: 'pa.network-status-recorded.v1', ...common },
      ]),
    );
    expect(JSON.stringify(logged)).not.toContain('1000000009');
  });
});
