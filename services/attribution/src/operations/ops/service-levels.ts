import {
  freshness,
  freshnessReport,
  newestOf,
  type LevelLedger,
  type Open,
  openOf,
  pendingOf,
  type ProbePart,
  probeOf,
  serviceLevelReport,
  serviceLevels,
  unread,
} from '@provider-access/audit';
import { type Objective, PROBE_STEPS, type ProbeReported } from '@provider-access/events';
import type { EventLog, Position } from '@provider-access/engines/log';
import type { Facts } from '@provider-access/facts';
import type { Clock } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';
import type {
  BusinessCalendar,
  FreshnessReport,
  ServiceLevelReport,
} from '@provider-access/domain/pdex/service-levels';
import { recordsReader } from '@provider-access/facts/records';
import type { ViewReader, Views } from '@provider-access/engines/views';
import type { ExpectedFeed } from '../../domain/expected-feeds.ts';

export interface ServiceLevelsOptions {
  readonly log: EventLog;
  readonly views: Views;
  readonly facts: Facts;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly calendar: BusinessCalendar;
  readonly ledger: LevelLedger;
  /** Feeds whose silence is measured. */
  readonly expectedFeeds: readonly ExpectedFeed[];
}

/** Open requests are looked up once for all gauges of a scrape, and at most once in so many ms for several scrapers. */
const KEPT_MS = 5_000;

/** The platform's service levels: reports of a period, gauges of open requests, and reports of the probe. */
export class ServiceLevels {
  readonly #options: ServiceLevelsOptions;
  readonly #reader: ViewReader;
  readonly #feeds: ViewReader;
  readonly #records: ViewReader;
  #looked: { readonly at: number; readonly open: Promise<readonly Open[]> } | undefined;

  constructor(options: ServiceLevelsOptions) {
    this.#options = options;
    this.#reader = options.views.reader(serviceLevels);
    this.#feeds = options.views.reader(freshness);
    this.#records = recordsReader(options.views).views.records;
    this.#measure();
  }

  get calendar(): BusinessCalendar {
    return this.#options.calendar;
  }
  /** Local days of the payer, both included. */
  async report(period: { readonly from: string; readonly to: string }): Promise<ServiceLevelReport> {
    const { clock, calendar } = this.#options;
    return serviceLevelReport(this.#reader, period, await this.#open(), clock.now(), calendar);
  }
  /** How fresh the events of each source and type are. Local days of the payer, both included. */
  async freshness(period: { readonly from: string; readonly to: string }): Promise<FreshnessReport> {
    return freshnessReport(this.#feeds, period, this.#options.clock.now());
  }
  /** Stores the report of a probe run. */
  async probed(report: ProbeReported): Promise<void> {
    await this.#options.ledger.probed(report);
    this.#options.metrics.count('pa_probe_runs_total', {
      result: report.ok ? 'passed' : 'failed',
      step: report.failed ?? 'none',
    });
  }

  /** What is started and not finished, a dead letter, or not even read, in all processes. */
  async #open(): Promise<readonly Open[]> {
    const { log } = this.#options;
    const records = (await this.#records.position()).derived['resources'] ?? {};
    const passed = (objective: Objective): Position =>
      objective === 'opt-out-effective' ? this.#options.facts.parties.derived('consent') : records;
    return [...(await openOf(this.#reader)), ...(await unread(log, passed))];
  }
  #kept(): Promise<readonly Open[]> {
    const now = performance.now();
    if (this.#looked === undefined || now - this.#looked.at > KEPT_MS) this.#looked = { at: now, open: this.#open() };
    return this.#looked.open;
  }

  #measure(): void {
    const { metrics, clock, calendar } = this.#options;
    const pending = async (): Promise<ReturnType<typeof pendingOf>> =>
      pendingOf(await this.#kept(), clock.now(), calendar);
    metrics.read('pa_slo_pending', async () =>
      (await pending()).map(({ objective, count }) => ({ labels: { objective }, value: count })),
    );
    metrics.read('pa_slo_oldest_elapsed_ratio', async () =>
      (await pending()).map(({ objective, usedShare }) => ({ labels: { objective }, value: usedShare })),
    );
    const { expectedFeeds } = this.#options;
    if (expectedFeeds.length > 0)
      metrics.read('pa_feed_silence_ratio', async () => {
        const newest = await newestOf(this.#feeds);
        return expectedFeeds.map(({ source, type, silentMs }) => ({
          labels: { source, type },
          value: Math.max(0, clock.now() - newest(source, type)) / silentMs,
        }));
      });
    metrics.zero('pa_probe_runs_total', { result: 'passed', step: 'none' });
    for (const step of PROBE_STEPS) metrics.zero('pa_probe_runs_total', { result: 'failed', step });
    const probe = (): Promise<ProbePart | undefined> => probeOf(this.#reader);
    metrics.read('pa_probe_last_success_timestamp_seconds', async () => {
      const success = (await probe())?.lastSuccess;
      return success === undefined ? [] : [{ labels: {}, value: Date.parse(success) / 1000 }];
    });
    metrics.read('pa_probe_step_duration_seconds', async () =>
      ((await probe())?.steps ?? []).map(({ step, ms }) => ({ labels: { step }, value: ms / 1000 })),
    );
  }
}
