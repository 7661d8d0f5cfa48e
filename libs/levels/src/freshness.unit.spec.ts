import { afterEach, expect, it } from 'vitest';
import { PA_SERVICE_LEVELS, type ServiceLevelStarted } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { Metrics } from '@provider-access/service/observability';
import {
  BusinessCalendar,
  DEFAULT_RULES,
  type FreshnessReport,
  measure,
} from '@provider-access/domain/pdex/service-levels';
import { ProjectionSet, type ViewReader } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { freshness, freshnessReport } from './freshness.ts';
import { LevelLedger } from './ledger.ts';

const HOUR = 3_600_000;
const calendar = new BusinessCalendar({ ...DEFAULT_RULES, timeZone: 'UTC' });
const NOON = Date.parse('2026-11-10T12:00:00Z');

class Freshness {
  readonly log = openMemoryLog();
  readonly views = openMemoryViews();
  readonly set = new ProjectionSet({ log: this.log, views: this.views, projections: [freshness] });
  readonly reader: ViewReader = this.views.reader(freshness);
  readonly #ledger = new LevelLedger({
    log: this.log,
    clock: { now: () => NOON },
    metrics: new Metrics(),
    service: 'resources',
  });

  /** Batches [from, next) that were visible at `end`, ms. */
  async visible(end: number, ...batches: readonly ServiceLevelStarted[]): Promise<void> {
    await this.#ledger.measured(...batches.map((batch) => measure(batch, end, calendar)));
  }
  async report(now = NOON, from = '2026-11-01', to = '2026-11-30'): Promise<FreshnessReport> {
    expect(await this.reader.waitFor(await this.log.head([PA_SERVICE_LEVELS]), 60_000)).toBe(true);
    return freshnessReport(this.reader, { from, to }, now);
  }
}
const opened: Freshness[] = [];
async function open(): Promise<Freshness> {
  const f = new Freshness();
  await f.set.start();
  opened.push(f);
  return f;
}
afterEach(async () => {
  for (const { set, log } of opened.splice(0)) {
    await set.stop();
    await log.close();
  }
});

type Feed = NonNullable<ServiceLevelStarted['feeds']>[number];
const feed = (source: string, type: string, ...times: readonly number[]): Feed => ({
  source,
  type,
  newest: Math.max(...times),
  times: times.map((at) => [at, 1]),
});
const batch = (partition: number, from: number, next: number, ...feeds: readonly Feed[]): ServiceLevelStarted => ({
  scope: `payer.member-events/${partition}`,
  from,
  next,
  starts: [],
  feeds: [...feeds],
});

it('reports each feed over all partitions and days, the longest silent first', async () => {
  const f = await open();
  await f.visible(
    NOON,
    batch(0, 0, 2, feed('ehr', 'Observation', NOON - 2000, NOON - 1000)),
    batch(1, 0, 2, feed('ehr', 'Observation', NOON - 26 * HOUR), feed('lab', 'Observation', NOON - 30 * HOUR)),
  );
  const { feeds, from, at } = await f.report(NOON + HOUR);
  expect([from, at]).toEqual(['2026-11-01', '2026-11-10T13:00:00.000Z']);
  const lab = { p50Ms: 30 * HOUR, p99Ms: 30 * HOUR, worstMs: 30 * HOUR };
  const close = { p50Ms: expect.any(Number) as number, p99Ms: expect.any(Number) as number };
  expect(feeds).toEqual([
    {
      source: 'lab',
      type: 'Observation',
      newest: '2026-11-09T06:00:00.000Z',
      silentMs: 31 * HOUR,
      period: { events: 1, ...lab },
      days: [{ day: '2026-11-09', events: 1, ...lab }],
    },
    {
      source: 'ehr',
      type: 'Observation',
      newest: '2026-11-10T11:59:59.000Z',
      silentMs: HOUR + 1000,
      period: { events: 3, ...close, worstMs: 26 * HOUR },
      days: [
        { day: '2026-11-09', events: 1, p50Ms: 26 * HOUR, p99Ms: 26 * HOUR, worstMs: 26 * HOUR },
        { day: '2026-11-10', events: 2, ...close, worstMs: 2000 },
      ],
    },
  ]);
  // A feed that was heard before the period is still named, with nothing in the period.
  const later = await f.report(NOON, '2026-11-10', '2026-11-10');
  expect(later.feeds.map(({ source, period }) => [source, period.events])).toEqual([
    ['lab', 0],
    ['ehr', 2],
  ]);
  expect(later.feeds[0]!.period).toEqual({ events: 0 });
});

it('counts a repeated batch once, moves the newest time never back, and is the same from the log alone', async () => {
  const f = await open();
  const first = batch(0, 0, 10, feed('ehr', 'Condition', NOON - 1000));
  await f.visible(NOON, first);
  await f.visible(NOON + 60_000, first, { ...first, next: 8 });
  await f.visible(NOON, batch(0, 10, 11, feed('ehr', 'Condition', NOON - 5 * HOUR)));
  // Nothing changed, but the feed was heard.
  await f.visible(NOON, batch(0, 11, 12, { source: 'ehr', type: 'Condition', newest: NOON + 1, times: [] }));
  const { feeds } = await f.report();
  expect(feeds).toMatchObject([
    { newest: new Date(NOON + 1).toISOString(), silentMs: 0, period: { events: 2, worstMs: 5 * HOUR } },
  ]);
  await f.set.rebuild('freshness', { graceMs: 0 });
  expect((await f.report()).feeds).toEqual(feeds);
});

it('reads measurements of earlier builds, which have no feeds', async () => {
  const f = await open();
  const { feeds: _, ...earlier } = batch(0, 0, 1);
  await f.visible(NOON, { ...earlier, starts: [{ objective: 'claims-visible', offset: 0, at: NOON }] });
  expect((await f.report()).feeds).toEqual([]);
  expect(await f.views.store.count(freshness)).toBe(0);
});

it('keeps documents bounded when sources have a new name in each event', async () => {
  const f = await open();
  for (let n = 0; n < 10; n++)
    await f.visible(
      NOON,
      batch(0, n * 100, n * 100 + 100, ...Array.from({ length: 100 }, (_, i) => feed(`s-${n}-${i}`, 'Patient', NOON))),
    );
  const { feeds } = await f.report();
  expect(feeds).toHaveLength(501);
  expect(feeds.find(({ source }) => source === '(others)')?.period.events).toBe(500);
});
