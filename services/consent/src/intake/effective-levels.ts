import { PA_CONSENT, type ServiceLevelMeasured, typeOf } from '@provider-access/events';
import type { LevelLedger } from '@provider-access/levels';
import { type Batch, EngineUnavailable, type EventLog, type LogRecord } from '@provider-access/engines/log';
import type { Facts } from '@provider-access/facts';
import type { Clock } from '@provider-access/kernel';
import { type BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import type { Claims } from '@provider-access/engines/state';
import { COPY_HEADER } from './consent-register.ts';

export interface EffectiveLevelsOptions {
  readonly ledger: LevelLedger;
  readonly facts: Facts;
  readonly log: Pick<EventLog, 'head'>;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly calendar: BusinessCalendar;
}

const NAMESPACE = 'service-levels';
const SINCE = 'opt-outs-since';
/** How long the first place of an opt-out in the log is remembered: longer than a batch may be repeated. */
const REMEMBERED_MS = 30 * 24 * 3600_000;
const PATIENCE_MS = 5_000;

/**
 * Measures the time from the acceptance of an opt-out (the append of the payer's event) to its effect: the facts of
 * every process have passed it. It reads `pa.consent` in a group of its own, so that no opt-out waits for it. After a
 * crash it measures again, with a later end.
 */
export class EffectiveLevels {
  readonly #options: EffectiveLevelsOptions;
  #since: Promise<readonly number[]> | undefined;
  constructor(options: EffectiveLevelsOptions) {
    this.#options = options;
  }

  /** Before the first opt-out that this process measures. */
  async start(): Promise<void> {
    await (this.#since ??= this.#begin());
  }
  /** @throws EngineUnavailable until the facts of every process have passed: then the batch is delivered again */
  async handle(batch: Batch): Promise<void> {
    const { ledger, clock, calendar } = this.#options;
    const since = await (this.#since ??= this.#begin());
    const scope = `${batch.topic}/${batch.partition}`;
    const measured: ServiceLevelMeasured[] = [];
    try {
      for (const record of batch.records) {
        if (
          typeOf(record) !== 'pa.opted-out.v1' ||
          record.headers[COPY_HEADER] !== undefined ||
          record.offset < (since[batch.partition] ?? 0)
        )
          continue;
        if (!(await this.#isFirst(record, scope))) continue;
        await this.#effective(record);
        const { offset } = record;
        measured.push(
          measure(
            {
              scope,
              from: offset,
              next: offset + 1,
              starts: [{ objective: 'opt-out-effective', offset, at: Date.parse(record.headers['ce_time']!) }],
            },
            clock.now(),
            calendar,
          ),
        );
      }
    } finally {
      // Keeps the time that it took, also if a later one has to wait.
      await ledger.measured(...measured);
    }
  }

  /**
   * For opt-outs before measuring began, the time of effect is unknown. The place where measuring began is stored once
   * for all processes.
   */
  async #begin(): Promise<readonly number[]> {
    try {
      const { log, claims } = this.#options;
      const head = (await log.head([PA_CONSENT]))[PA_CONSENT] ?? [];
      return JSON.parse(await claims.claim(NAMESPACE, SINCE, JSON.stringify(head))) as number[];
    } catch (error) {
      this.#since = undefined;
      throw error;
    }
  }
  /** A killed intake may publish an opt-out twice. The first place counts. */
  async #isFirst(record: LogRecord, scope: string): Promise<boolean> {
    const place = `${scope}/${record.offset}`;
    return (
      (await this.#options.claims.claim(
        NAMESPACE,
        `${record.headers['ce_id']} ${record.key}`,
        place,
        this.#options.clock.now() + REMEMBERED_MS,
      )) === place
    );
  }
  async #effective({ partition, offset }: LogRecord): Promise<void> {
    const position = { [PA_CONSENT]: [...new Array<number>(partition).fill(0), offset + 1] };
    if (!(await this.#options.facts.access.waitForOursEverywhere(position, PATIENCE_MS)))
      throw new EngineUnavailable('the facts have not passed an opt-out everywhere');
  }
}
