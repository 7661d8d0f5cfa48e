import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { creation, probeResources, type ProbeWorld } from '@provider-access/cli';
import type { FeedFreshness, FreshnessReport } from '@provider-access/domain/pdex/service-levels';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { freshPlatform, publishAll, type Fresh } from './harness.ts';
import { paOf, type Pa } from './pa.ts';
import { http, payerEvent } from './road.ts';
import { EVERY_DAY } from './world/context.ts';

const HOUR = 3_600_000;
const world: ProbeWorld = { member: 'm-fresh', npi: npiOf(1234) };
const [hospital, laboratory] = ['urn:hospital', 'urn:laboratory'];
const claims = probeResources(world).filter((r) => r['resourceType'] === 'ExplanationOfBenefit');

/** A source records an Observation or a claim, and states that it did so some hours ago. */
function recorded(source: string, type: 'Observation' | 'ExplanationOfBenefit', id: string, hours: number) {
  const resource =
    type === 'ExplanationOfBenefit'
      ? { ...claims[0]!, id: `${world.member}-${id}` }
      : {
          resourceType: 'Observation',
          id: `${world.member}-${id}`,
          status: 'final',
          code: { text: 'Hemoglobin' },
          subject: { reference: `Patient/${world.member}` },
          effectiveDateTime: '2026-01-02',
        };
  const event = payerEvent('payer.resource-recorded.v1', world.member, { resource });
  return { ...event, source, time: new Date(Date.now() - hours * HOUR).toISOString() };
}

describe('freshness of the feeds of a payer', () => {
  let fresh: Fresh;
  let pa: Pa;
  const freshness = async (...args: string[]): Promise<{ feeds: FeedFreshness[]; code: number | null }> => {
    const { stdout, stderr, code } = await pa('freshness', '--json', '--from', daysAgo(30), ...args);
    if (stdout === '') throw new Error(stderr);
    const { feeds } = JSON.parse(stdout) as FreshnessReport;
    return { feeds: feeds.filter(({ source }) => [hospital, laboratory].includes(source)), code };
  };
  const daysAgo = (days: number): string => new Date(Date.now() - days * 24 * HOUR).toISOString().slice(0, 10);
  const counts = (feeds: readonly FeedFreshness[]): Record<string, number> =>
    Object.fromEntries(feeds.map(({ source, type, period }) => [`${source} ${type}`, period.events]));
  const newest = (feeds: readonly FeedFreshness[], event: DomainEvent, type: string): string =>
    feeds.find((feed) => feed.source === event.source && feed.type === type)!.newest;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: EVERY_DAY });
    pa = paOf(fresh.platform(), fresh.folder);
    await publishAll(fresh.platform(), creation(world, new Date().toISOString()));
  });
  afterAll(() => fresh?.dispose());

  test('when one source stops, the report names its types and the time of the last event', async () => {
    // Until two days ago both send. Since then the laboratory is silent, and the hospital sends no claims any more.
    const last = recorded(laboratory, 'Observation', 'lab-2', 49);
    const lastClaim = recorded(hospital, 'ExplanationOfBenefit', 'c-1', 50);
    const now = recorded(hospital, 'Observation', 'obs-2', 0);
    await publishAll(fresh.platform(), [
      recorded(laboratory, 'Observation', 'lab-1', 52),
      last,
      recorded(hospital, 'Observation', 'obs-1', 51),
      lastClaim,
      now,
    ]);
    const expected = {
      [`${laboratory} Observation`]: 2,
      [`${hospital} Observation`]: 2,
      [`${hospital} ExplanationOfBenefit`]: 1,
    };
    await eventually(async () => expect(counts((await freshness()).feeds)).toEqual(expected));
    const { feeds } = await freshness();
    expect(newest(feeds, last, 'Observation')).toBe(last.time);
    expect(newest(feeds, lastClaim, 'ExplanationOfBenefit')).toBe(lastClaim.time);
    expect(newest(feeds, now, 'Observation')).toBe(now.time);
    // The longest silent first.
    expect(feeds.map(({ type, silentMs }) => [type, Math.floor(silentMs / HOUR)])).toEqual([
      ['ExplanationOfBenefit', 50],
      ['Observation', 49],
      ['Observation', 0],
    ]);
    const { period, days } = feeds.find((f) => f.source === laboratory)!;
    expect(period.worstMs).toBeGreaterThanOrEqual(52 * HOUR);
    expect(period.worstMs).toBeLessThan(58 * HOUR);
    expect(days.reduce((n, day) => n + day.events, 0)).toBe(2);

    const text = await pa('freshness', '--from', daysAgo(30), '--silent', '26h', '--by-day');
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(new RegExp(`${laboratory} +Observation +${last.time} +49\\.\\d h .*stale`));
    expect(text.stdout).not.toMatch(new RegExp(`${hospital} +Observation .*stale`));
    expect(text.stdout).not.toContain(world.member);
    expect((await pa('freshness', '--silent', '3d')).code).toBe(0);
  });

  test('U3: when a roster, a network file or an opt-out list stops, the report names it', async () => {
    const provider = { npi: npiOf(7), tin: '900000007' };
    const stopped = [
      ['payer.attribution-asserted', 26, { provider: { ...provider, contract: 'c' }, from: '2026-01-01' }],
      ['payer.network-status-changed', 8 * 24, { ...provider, status: 'in-network', from: '2026-01-01' }],
      ['payer.member-opted-in', 30, { setBy: 'member', channel: 'phone' }],
    ] as const;
    const source = 'urn:enrolment';
    await publishAll(
      fresh.platform(),
      stopped.map(([type, hours, data]) => ({
        ...payerEvent(`${type}.v1`, type.includes('network') ? provider.npi : world.member, data),
        source,
        time: new Date(Date.now() - hours * HOUR).toISOString(),
      })),
    );
    const silent = async (): Promise<Record<string, number>> => {
      const { stdout } = await pa('freshness', '--json');
      const { feeds } = JSON.parse(stdout) as FreshnessReport;
      return Object.fromEntries(
        feeds.filter((f) => f.source === source).map(({ type, silentMs }) => [type, Math.floor(silentMs / HOUR)]),
      );
    };
    await eventually(async () =>
      expect(await silent()).toEqual(Object.fromEntries(stopped.map(([type, hours]) => [type, hours]))),
    );
    const text = await pa('freshness', '--silent', '7d');
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/urn:enrolment +payer\.network-status-changed .* stale/);
    expect(text.stdout).not.toMatch(/payer\.attribution-asserted .* stale/);
  });

  test('stays the same through a kill and a rebuild of the view', async () => {
    const before = counts((await freshness()).feeds);
    await fresh.restart('kill');
    expect((await pa('views', 'rebuild', 'audit_freshness_v1')).code).toBe(0);
    expect(counts((await freshness()).feeds)).toEqual(before);
  });

  test('asks for what it needs, and says what it does not understand', async () => {
    expect(await pa('freshness', '--silent', 'long')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--silent is a duration such as 90m, 26h or 3d') as string,
    });
    expect(await pa('freshness', '--from', '2026-02-01', '--to', '2026-01-01')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('from must not lie after to') as string,
    });
    const { base, payerToken } = fresh.platform();
    expect((await http(`${base}/ops/slo/freshness`)).status).toBe(401);
    expect((await http(`${base}/ops/slo/freshness`, { token: payerToken })).status).toBe(401);
  });
});
