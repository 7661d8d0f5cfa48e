import {
  encodeEvent,
  type Objective,
  PA_SERVICE_LEVELS,
  type ProbeReported,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
} from '@provider-access/events';
import type { EventLog, LogRecord, NewRecord } from '@provider-access/engines/log';
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

const placeOf = ({ topic, partition, offset }: LogRecord): string => `${topic}/${partition}/${offset}`;

/**
 * Appends the start and the end of each measured request to `pa.service-levels`. Records may be appended twice, because
 * readers know by scope and offsets which requests they have counted.
 */
export class LevelLedger {
  readonly #options: LevelLedgerOptions;
  /** Records of batches that have to come again. Those of them that are measured do not count twice in the metrics. */
  readonly #seen = new Set<string>();
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
  /**
   * Measures the records one after the other, and appends the measurements together. If a record throws, the
   * measurements before it are appended all the same, so that a record that has to wait does not lengthen their times.
   * When the batch comes again, this process measures the rest of it only.
   * @param of undefined for a record that no objective measures
   * @throws EngineUnavailable
   */
  async measureEach(
    records: readonly LogRecord[],
    of: (record: LogRecord) => Promise<ServiceLevelMeasured | undefined>,
  ): Promise<void> {
    const measured: ServiceLevelMeasured[] = [];
    const seen: string[] = [];
    try {
      for (const record of records) {
        const place = placeOf(record);
        if (this.#seen.has(place)) continue;
        const one = await of(record);
        if (one !== undefined) measured.push(one);
        seen.push(place);
      }
    } finally {
      await this.measured(...measured);
      for (const place of seen) this.#seen.add(place);
    }
    for (const record of records) this.#seen.delete(placeOf(record));
  }
  /** @throws EngineUnavailable */
  async probed(report: ProbeReported): Promise<void> {
    await this.#append([this.#encoded('pa.probe-reported.v1', `probe/${report.at}`, 'probe', report.at, report)]);
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
    const { scope, from, next } = data;
    return this.#encoded(type, `${type}/${scope}/${from}-${next}`, scope, instant(this.#options.clock.now()), data);
  }
  #encoded(type: string, id: string, subject: string, time: string, data: object): NewRecord {
    return encodeEvent({ id, source: `urn:provider-access:${this.#options.service}`, type, time, subject, data });
  }
}
