import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONSENT_COPY_HEADER, PA_CONSENT, typeOf } from '@provider-access/events';
import { LevelLedger } from '@provider-access/levels';
import { type Batch, EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { Facts } from '@provider-access/facts';
import { BusinessCalendar, measure } from '@provider-access/domain/pdex/service-levels';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

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
export class EffectiveLevels implements OnModuleInit {
  private readonly ledger: LevelLedger;
  private since: Promise<readonly number[]> | undefined;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Pick<Facts, 'access'>,
    @Inject(BusinessCalendar) private readonly calendar: BusinessCalendar,
  ) {
    this.ledger = new LevelLedger({ ...ports, service: 'consent', objectives: ['opt-out-effective'] });
  }

  /** Before the first opt-out that this process measures. */
  async onModuleInit(): Promise<void> {
    await (this.since ??= this.begin());
  }
  /** @throws EngineUnavailable until the facts of every process have passed: then the batch is delivered again */
  async handle({ topic, partition, records }: Batch): Promise<void> {
    const { clock, metrics } = this.ports;
    const since = (await (this.since ??= this.begin()))[partition] ?? 0;
    const scope = `${topic}/${partition}`;
    const optOuts = records.filter(
      (record) =>
        typeOf(record) === 'pa.opted-out.v1' &&
        record.headers[CONSENT_COPY_HEADER] === undefined &&
        record.offset >= since,
    );
    await this.ledger.measureEach(await this.firstOf(optOuts, scope), async (record) => {
      await this.effective(record);
      const { offset } = record;
      const at = Date.parse(record.headers['ce_time']!);
      const now = clock.now();
      metrics.record('pa_opt_out_effect_seconds', {}, Math.max(0, now - at) / 1000);
      const starts = [{ objective: 'opt-out-effective', offset, at } as const];
      return measure({ scope, from: offset, next: offset + 1, starts }, now, this.calendar);
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
  private async firstOf(optOuts: readonly LogRecord[], scope: string): Promise<readonly LogRecord[]> {
    const { state, clock } = this.ports;
    const expiresAt = clock.now() + REMEMBERED_MS;
    const places = optOuts.map(({ headers, key, offset }) => ({
      key: `${headers['ce_id']} ${key}`,
      owner: `${scope}/${offset}`,
      expiresAt,
    }));
    const owners = await state.claims.claimMany(NAMESPACE, places);
    return optOuts.filter((_, i) => owners[i] === places[i]!.owner);
  }
  private async effective({ partition, offset }: LogRecord): Promise<void> {
    const position = { [PA_CONSENT]: [...new Array<number>(partition).fill(0), offset + 1] };
    if (!(await this.facts.access.waitForOursEverywhere(position, PATIENCE_MS)))
      throw new EngineUnavailable('the facts have not passed an opt-out everywhere');
  }
}
