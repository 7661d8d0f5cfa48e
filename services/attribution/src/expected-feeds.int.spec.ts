import { encodeEvent, PA_SERVICE_LEVELS } from '@provider-access/events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { FreshnessReport } from '@provider-access/domain/pdex/service-levels';
import { ADMIN, Harness } from '../test/harness.ts';
import { readExpectedFeeds } from './domain/expected-feeds.ts';

const HOUR = 3_600_000;
let h: Harness;
beforeEach(async () => {
  h = new Harness();
  const expectedFeeds = readExpectedFeeds(
    'urn:roster payer.attribution-asserted 24h,urn:lab Observation 3d,urn:preferences payer.member-opted-out 1h',
  )!;
  await h.start({ expectedFeeds });
});
afterEach(() => h.stop());

/** What the intake of resources reports of one partition. */
const heard = (scope: string, next: number, feeds: readonly (readonly [string, string, number])[]) =>
  encodeEvent({
    id: `${scope}/${next}`,
    source: 'urn:provider-access:resources',
    type: 'pa.service-level-measured.v1',
    time: new Date(h.now).toISOString(),
    subject: scope,
    data: {
      scope,
      from: next - 1,
      next,
      endedAt: new Date(h.now).toISOString(),
      calendar: { timeZone: 'UTC', days: ['mon'], holidays: [] },
      days: [],
      feeds: feeds.map(([source, type, hours]) => ({ source, type, newest: h.now - hours * HOUR, days: [] })),
    },
  });
const ratios = async (): Promise<Record<string, string>> => {
  const text = await h.app.get<ServicePorts>(PORTS, { strict: false }).metrics.text();
  return Object.fromEntries(
    [...text.matchAll(/^pa_feed_silence_ratio\{source="([^"]+)",type="([^"]+)"\} (\S+)$/gm)].map(
      ([, source, type, value]) => [`${source} ${type}`, value!],
    ),
  );
};

test('U3: tells the silence of each expected feed as a share of what is expected, whatever its type', async () => {
  await h.log.append(PA_SERVICE_LEVELS, [
    heard('payer.member-events/0', 5, [
      ['urn:roster', 'payer.attribution-asserted', 30],
      ['urn:lab', 'Observation', 36],
      ['urn:other', 'Observation', 1],
    ]),
    // Another partition has a newer row of the roster.
    heard('payer.member-events/1', 7, [['urn:roster', 'payer.attribution-asserted', 12]]),
  ]);
  const never = { 'urn:preferences payer.member-opted-out': '+Inf' };
  await expect
    .poll(ratios)
    .toEqual({ 'urn:roster payer.attribution-asserted': '0.5', 'urn:lab Observation': '0.5', ...never });
  await h.advance(36 * HOUR);
  await expect
    .poll(ratios)
    .toEqual({ 'urn:roster payer.attribution-asserted': '2', 'urn:lab Observation': '1', ...never });
});

test('reports for each feed what is expected of it, and the expected feeds that never came', async () => {
  await h.log.append(PA_SERVICE_LEVELS, [
    heard('payer.member-events/0', 5, [
      ['urn:roster', 'payer.attribution-asserted', 30],
      ['urn:other', 'Observation', 1],
    ]),
  ]);
  const report = async (): Promise<FreshnessReport> =>
    (await h.get('/ops/slo/freshness', { authorization: `Bearer ${ADMIN}` })).json<FreshnessReport>();
  await expect
    .poll(async () => (await report()).feeds.map(({ source, expectedMs }) => [source, expectedMs]))
    .toEqual([
      ['urn:roster', 24 * HOUR],
      ['urn:other', undefined],
    ]);
  expect((await report()).neverHeard).toEqual([
    { source: 'urn:lab', type: 'Observation', expectedMs: 72 * HOUR },
    { source: 'urn:preferences', type: 'payer.member-opted-out', expectedMs: HOUR },
  ]);
});
