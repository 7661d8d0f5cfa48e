import {
  encodeEvent,
  type Objective,
  PA_SERVICE_LEVELS,
  type ProbeReported,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
} from '@provider-access/events';
import type { EventLog, NewRecord } from '@provider-access/engines/log';
import { type Clock, instant } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';

export interface LevelLedgerOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly clock: Clock;
  /** Counts and times each measurement once it is durable. */
  readonly metrics: Metrics;
  /**
   * The objectives that this service measures. Their counters exist from the start, so that a first miss is an
   * increase.
   */
  readonly objectives?: readonly Objective[];
  readonly service: string;
}

/**
 * Appends the start and the end of each measured request to `pa.service-levels`. Records may be appended twice, because
 * readers know by scope and offsets which requests they have counted.
 */
export class LevelLedger {
  readonly #options: LevelLedgerOptions;
  constructor(options: LevelLedgerOptions) {
    this.#options = options;
    for (const objective of options.objectives ?? []) options.metrics.zero('pa_slo_total', { objective });
  }

  /** @throws EngineUnavailable */
  async started(...started: readonly ServiceLevelStarted[]): Promise<void> {
    await this.#append(started.map((s) => this.#record('pa.service-level-started.v1', s)));
  }
  /** @throws EngineUnavailable */
  async measured(...measured: readonly ServiceLevelMeasured[]): Promise<void> {
    await this.#append(measured.map((m) => this.#record('pa.service-level-measured.v1', m)));
    for (const { days } of measured)
      for (const { objective, items } of days) for (const [, ms, met] of items) this.#count(objective, ms, met === 1);
  }
  /** @throws EngineUnavailable */
  async probed(report: ProbeReported): Promise<void> {
    const { service } = this.#options;
    await this.#append([
      encodeEvent({
        id: `probe/${report.at}`,
        source: `urn:provider-access:${service}`,
        type: 'pa.probe-reported.v1',
        time: report.at,
        subject: 'probe',
        data: report,
      }),
    ]);
  }

  #count(objective: Objective, ms: number, met: boolean): void {
    const { metrics } = this.#options;
    metrics.count('pa_slo_total', { objective, result: met ? 'met' : 'missed' });
    metrics.record('pa_slo_duration_seconds', { objective }, ms / 1000);
  }
  async #append(records: readonly NewRecord[]): Promise<void> {
    if (records.length > 0) await this.#options.log.append(PA_SERVICE_LEVELS, records);
  }
  /** Records of one scope have one key, so that they stay in order. */
  #record(type: string, data: ServiceLevelStarted | ServiceLevelMeasured): NewRecord {
    const { service, clock } = this.#options;
    return encodeEvent({
      id: `${type}/${data.scope}/${data.from}-${data.next}`,
      source: `urn:provider-access:${service}`,
      type,
      time: instant(clock.now()),
      subject: data.scope,
      data,
    });
  }
}
