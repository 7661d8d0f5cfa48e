import { Inject, Injectable } from '@nestjs/common';
import { PA_CONSENT, typeOf } from '@provider-access/events';
import { LevelLedger } from '@provider-access/levels';
import { type Batch, EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { Facts } from '@provider-access/facts';
import { BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { COPY_HEADER } from './consent-register.ts';

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
@Injectable()
export class EffectiveLevels {
  private since: Promise<readonly number[]> | undefined;
  constructor(
    @Inject(LevelLedger) private readonly ledger: LevelLedger,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'log' | 'state' | 'clock'>,
  ) {}

  /** Before the first opt-out that this process measures. */
  async start(): Promise<void> {
    await (this.since ??= this.begin());
  }
  /** @throws EngineUnavailable until the facts of every process have passed: then the batch is delivered again */
  async handle(batch: Batch): Promise<void> {
    const { clock } = this.ports;
    const since = await (this.since ??= this.begin());
    const scope = `${batch.topic}/${batch.partition}`;
    await this.ledger.measureEach(batch.records, async (record) => {
      const { offset, headers } = record;
      const isOptOut = typeOf(record) === 'pa.opted-out.v1' && headers[COPY_HEADER] === undefined;
      if (!isOptOut || offset < (since[batch.partition] ?? 0)) return undefined;
      if (!(await this.isFirst(record, scope))) return undefined;
      await this.effective(record);
      const at = Date.parse(headers['ce_time']!);
      const starts = [{ objective: 'opt-out-effective', offset, at } as const];
      return measure({ scope, from: offset, next: offset + 1, starts }, clock.now(), this.calendar);
    });
  }

  /**
   * For opt-outs before measuring began, the time of effect is unknown. The place where measuring began is stored once
   * for all processes.
   */
  private async begin(): Promise<readonly number[]> {
    try {
      const { log, state } = this.ports;
      const head = (await log.head([PA_CONSENT]))[PA_CONSENT] ?? [];
      return JSON.parse(await state.claims.claim(NAMESPACE, SINCE, JSON.stringify(head))) as number[];
    } catch (error) {
      this.since = undefined;
      throw error;
    }
  }
  /** A killed intake may publish an opt-out twice. The first place counts. */
  private async isFirst(record: LogRecord, scope: string): Promise<boolean> {
    const place = `${scope}/${record.offset}`;
    const { state, clock } = this.ports;
    const optOut = `${record.headers['ce_id']} ${record.key}`;
    return (await state.claims.claim(NAMESPACE, optOut, place, clock.now() + REMEMBERED_MS)) === place;
  }
  private async effective({ partition, offset }: LogRecord): Promise<void> {
    const position = { [PA_CONSENT]: [...new Array<number>(partition).fill(0), offset + 1] };
    if (!(await this.facts.access.waitForOursEverywhere(position, PATIENCE_MS)))
      throw new EngineUnavailable('the facts have not passed an opt-out everywhere');
  }
}
