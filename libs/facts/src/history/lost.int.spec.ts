import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
} from '@provider-access/events';
import { lossId } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { collectionName, ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { instant } from '@provider-access/kernel';
import { FactsHistory, type PastDecision } from './history.ts';
import { history } from './rows.ts';

/** What the log has lost before the view was built is unknown, and never a denial (APPS.md P15). */
const START = Date.UTC(2026, 5, 1);
const DAY = 24 * 3600_000;
const LONG_AGO = '2020-01-01T00:00:00.000Z';
const PROVIDER = 'npi|1000000001';
const CARDIOLOGY = '207RC0000X';
const SURGERY = '208600000X';
const DERMATOLOGY = '207N00000X';
const logger = { error: () => undefined, info: () => undefined, warn: () => undefined };

let now: number;
let log: ReturnType<typeof openMemoryLog>;
let views: ReturnType<typeof openMemoryViews>;
let projections: ProjectionSet;
let past: FactsHistory;
beforeEach(() => {
  now = START;
  log = openMemoryLog({ now: () => now });
  views = openMemoryViews();
  projections = new ProjectionSet({ log, views, projections: [history], logger });
  const parties = { client: () => undefined, holdsUntilNotice: false };
  past = new FactsHistory({ log, views, parties });
});
afterEach(async () => {
  await projections.stop();
  await views.close();
  await log.close();
});

let sent = 0;
async function says(topic: string, type: string, subject: string, data: object): Promise<string> {
  const event = { id: `e-${(sent += 1)}`, source: 'urn:test', type, time: instant(now), subject, data };
  await log.append(topic, [encodeEvent({ ...event, extensions: { pasource: 'urn:payer' } }, { key: subject })]);
  return instant(now);
}
const approves = (client: string): Promise<string> =>
  says(PA_REGISTRY, 'pa.app-approved.v1', client, { client, providers: [PROVIDER], scope: 'system/*.rs', by: 'test' });
/** A member whom everything lets the app see, but an opt-out of surgeons. */
async function joined(): Promise<void> {
  const times = { from: LONG_AGO, businessTime: LONG_AGO };
  await says(PA_PROVIDERS, 'pa.network-status-recorded.v1', PROVIDER, {
    ...{ provider: PROVIDER, status: 'in-network' },
    ...times,
  });
  await says(PA_MEMBERS, 'pa.coverage-changed.v1', 'm1', { member: 'm1', coverageId: 'c', sequence: 0, ...times });
  await says(PA_ATTRIBUTION, 'pa.member-attributed.v1', 'm1', {
    ...{ member: 'm1', group: 'g', providers: [PROVIDER] },
    ...times,
  });
  await optsOut(SURGERY);
}
const optsOut = (category: string): Promise<string> =>
  says(PA_CONSENT, 'pa.opted-out.v1', 'm1', {
    ...{ member: 'm1', scope: 'provider-category', categories: [category] },
    ...{ effective: LONG_AGO, businessTime: LONG_AGO, setBy: 'member' },
  });
const practises = (specialty: string): Promise<string> =>
  says(PA_DIRECTORY, 'pa.directory-entry-recorded.v1', 'Practitioner/p1', {
    ...{ entry: 'Practitioner/p1', providers: [PROVIDER], specialties: [specialty], businessTime: instant(now) },
  });
const verdict = (d: PastDecision): string => ('unknownBefore' in d ? d.unknownBefore : d.permit ? 'permit' : d.reason);
const decided = async (at: string): Promise<string> => {
  await past.settled();
  return verdict((await past.decide('c1', 'm1', { at, known: at })).decision);
};

describe('the past of a log that has lost something', () => {
  it('P15: is unknown where compaction has removed an entry of the directory before the view was built', async () => {
    await approves('c1');
    await joined();
    now += DAY;
    await practises(CARDIOLOGY);
    now += DAY;
    const between = instant(now);
    now += DAY;
    const newest = await practises(CARDIOLOGY);
    now += DAY;
    expect(await log.compact!(PA_DIRECTORY)).toBe(1);
    await projections.start();
    expect(await decided(between)).toBe(newest);
    expect(await decided(instant(now))).toBe('permit');
  });

  it('P15: is known if the view was built before the compaction', async () => {
    await projections.start();
    await approves('c1');
    await joined();
    now += DAY;
    await practises(SURGERY);
    now += DAY;
    const between = instant(now);
    now += DAY;
    await practises(CARDIOLOGY);
    now += DAY;
    expect(await decided(instant(now))).toBe('permit');
    await log.compact!(PA_DIRECTORY);
    expect([await decided(between), await decided(instant(now))]).toEqual(['opted-out', 'permit']);
  });

  /** Another app is approved, a member joins, and the app is approved. Retention removes the first approval. */
  async function trimmed(): Promise<string> {
    await approves('another');
    now += DAY;
    const before = instant(now);
    await joined();
    await practises(CARDIOLOGY);
    now += DAY;
    const approved = await approves('c1');
    now += DAY;
    await past.settled();
    expect(await log.trim!(PA_REGISTRY, Date.parse(approved))).toBe(1);
    return before;
  }

  it('P15: is known if the view was built before retention removed a decision of a reviewer', async () => {
    await projections.start();
    const before = await trimmed();
    expect([await decided(before), await decided(instant(now))]).toEqual(['client-unknown', 'permit']);
    // Nothing had been recorded.
    expect(await decided(instant(START - DAY))).toBe(instant(START));
    // A process that starts later knows it too.
    const parties = { client: () => undefined, holdsUntilNotice: false };
    past = new FactsHistory({ log, views, parties });
    expect(await decided(before)).toBe('client-unknown');
  });

  /** An operator lets a group go on without records of opt-outs (`pa topics accept-loss`). */
  async function accepts(group: string): Promise<string> {
    const restore = lossId({ group, topic: PA_CONSENT, partition: 0, from: 0, to: 1, begun: true });
    const data = { restore, by: 'Ann', reason: 'a test', at: instant(now) };
    return says(PA_REGISTRY, 'pa.restore-accepted.v1', restore, data);
  }

  it('P15: is unknown before an operator let the history go on without records that it had not read', async () => {
    await approves('c1');
    await joined();
    await practises(SURGERY);
    now += DAY;
    const between = instant(now);
    now += DAY;
    const remaining = await optsOut(DERMATOLOGY);
    expect(await log.trim!(PA_CONSENT, Date.parse(remaining))).toBe(1);
    await accepts('consent-intake');
    // Where the group has the acceptance from is shown by the tests of `guardLosses`.
    const subscribe = log.subscribe.bind(log);
    log.subscribe = (options) => subscribe({ ...options, accepted: () => Promise.resolve(true) });
    await projections.start();
    // Another group lost records that the platform never decided by: what it decided, it still knows.
    expect(await decided(between)).toBe('permit');
    now += DAY;
    const first = await accepts(`view/${collectionName(history)}`);
    expect(await decided(between)).toBe(first);
    now += DAY;
    const accepted = await accepts(`view/${collectionName({ ...history, version: history.version + 1 })}`);
    now += DAY;
    for (const at of [between, first]) expect(await decided(at)).toBe(accepted);
    await past.settled();
    // What was in force then is not known later either, and nothing is known before everything.
    const later = { at: between, known: instant(now) };
    expect(verdict((await past.decide('c1', 'm1', later)).decision)).toBe(accepted);
    expect(await decided(instant(START - DAY))).toBe(accepted);
    expect(await decided(accepted)).toBe('permit');
  });
});
