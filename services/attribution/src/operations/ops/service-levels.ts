import { Inject, Injectable } from '@nestjs/common';
import {
  freshness,
  freshnessReport,
  newestOf,
  LevelLedger,
  type Open,
  openOf,
  pendingOf,
  type ProbePart,
  probeOf,
  serviceLevelReport,
  serviceLevels,
  unread,
} from '@provider-access/levels';
import { type Objective, PROBE_STEPS, type ProbeReported } from '@provider-access/events';
import type { Position } from '@provider-access/engines/log';
import { Facts } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  BusinessCalendar,
  type FreshnessReport,
  type ServiceLevelReport,
} from '@provider-access/domain/pdex/service-levels';
import { RecordsReader } from '@provider-access/records';
import type { ViewReader } from '@provider-access/engines/views';
import { type AttributionConfig, CONFIG } from '../../config.ts';
import { withExpected } from '../../domain/expected-feeds.ts';

/** Open requests are looked up once for all gauges of a scrape, and at most once in so many ms for several scrapers. */
const KEPT_MS = 5_000;

/** The platform's service levels: reports of a period, gauges of open requests, and reports of the probe. */
@Injectable()
export class ServiceLevels {
  private readonly reader: ViewReader;
  private readonly feeds: ViewReader;
  private readonly records: ViewReader;
  private readonly ledger: LevelLedger;
  private looked: { readonly at: number; readonly open: Promise<readonly Open[]> } | undefined;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(BusinessCalendar) readonly calendar: BusinessCalendar,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {
    const { log, views, clock, metrics } = ports;
    this.reader = views.reader(serviceLevels);
    this.feeds = views.reader(freshness);
    this.records = new RecordsReader(views).views.records;
    this.ledger = new LevelLedger({ log, clock, metrics, service: 'attribution' });
    this.measure();
  }

  /** Local days of the payer, both included. */
  async report(period: { readonly from: string; readonly to: string }): Promise<ServiceLevelReport> {
    return serviceLevelReport(this.reader, period, await this.open(), this.ports.clock.now(), this.calendar);
  }
  /** How fresh the events of each source and type are. Local days of the payer, both included. */
  async freshness(period: { readonly from: string; readonly to: string }): Promise<FreshnessReport> {
    const report = await freshnessReport(this.feeds, period, this.ports.clock.now());
    return withExpected(report, this.config.expectedFeeds);
  }
  /** Stores the report of a probe run. */
  async probed(report: ProbeReported): Promise<void> {
    await this.ledger.probed(report);
    this.ports.metrics.count('pa_probe_runs_total', {
      result: report.ok ? 'passed' : 'failed',
      step: report.failed ?? 'none',
    });
  }

  /** What is started and not finished, a dead letter, or not even read, in all processes. */
  private async open(): Promise<readonly Open[]> {
    const records = (await this.records.position()).derived['resources'] ?? {};
    const passed = (objective: Objective): Position =>
      objective === 'opt-out-effective' ? this.facts.parties.derived('consent') : records;
    return [...(await openOf(this.reader)), ...(await unread(this.ports.log, passed))];
  }
  private kept(): Promise<readonly Open[]> {
    const now = performance.now();
    if (this.looked === undefined || now - this.looked.at > KEPT_MS) this.looked = { at: now, open: this.open() };
    return this.looked.open;
  }

  private measure(): void {
    const { metrics, clock } = this.ports;
    const pending = async (): Promise<ReturnType<typeof pendingOf>> =>
      pendingOf(await this.kept(), clock.now(), this.calendar);
    metrics.read('pa_slo_pending', async () =>
      (await pending()).map(({ objective, count }) => ({ labels: { objective }, value: count })),
    );
    metrics.read('pa_slo_oldest_elapsed_ratio', async () =>
      (await pending()).map(({ objective, usedShare }) => ({ labels: { objective }, value: usedShare })),
    );
    const { expectedFeeds } = this.config;
    if (expectedFeeds.length > 0)
      metrics.read('pa_feed_silence_ratio', async () => {
        const newest = await newestOf(this.feeds);
        return expectedFeeds.map(({ source, type, silentMs }) => ({
          labels: { source, type },
          value: Math.max(0, clock.now() - newest(source, type)) / silentMs,
        }));
      });
    metrics.zero('pa_probe_runs_total', { result: 'passed', step: 'none' });
    for (const step of PROBE_STEPS) metrics.zero('pa_probe_runs_total', { result: 'failed', step });
    const probe = (): Promise<ProbePart | undefined> => probeOf(this.reader);
    metrics.read('pa_probe_last_success_timestamp_seconds', async () => {
      const success = (await probe())?.lastSuccess;
      return success === undefined ? [] : [{ labels: {}, value: Date.parse(success) / 1000 }];
    });
    metrics.read('pa_probe_step_duration_seconds', async () =>
      ((await probe())?.steps ?? []).map(({ step, ms }) => ({ labels: { step }, value: ms / 1000 })),
    );
  }
}
