import type { EventFault } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation } from '@provider-access/engines/log';
import { TransactionTimes } from '@provider-access/engines/state';
import { countOutcomes, type ServicePorts } from '@provider-access/service/http';
import { Attempt, type Failed } from './attempt.ts';
import { type ErrorPlace, placeOf } from './internal-fault.ts';
import { LatestTime } from './latest-time.ts';
import type { BatchTimes, IntakeRole } from './role.ts';
import type { IntakeEvent, Stage } from './stage.ts';

/** What a service does with one batch. */
export interface BatchWork<E extends IntakeEvent> {
  /** True if an event of the batch concerns the service. Then the newest time is asked for while they are read. */
  readonly concerns?: boolean;
  /**
   * Reads the events of the batch that concern the service, in order.
   * @param latest ms since the epoch. An event with a later time lies in the future.
   */
  readonly read: (latest: number) => Promise<readonly E[]> | readonly E[];
  /** The stages for one attempt at the batch. */
  readonly stages: (times: BatchTimes) => readonly Stage<E>[];
  /** Called around each attempt. `mayAppend` is called before anything is appended, and may throw. */
  readonly around?: (
    events: readonly E[],
    attempt: (mayAppend?: () => void) => Promise<Failed | undefined>,
  ) => Promise<Failed | undefined>;
}

export type IntakePorts = Pick<ServicePorts, 'log' | 'state' | 'clock' | 'metrics' | 'logger'>;

/**
 * The only way from a payer's topic to the events that a service derives from it (ADR 0015). The frame has a batch
 * read, gives its events to the stages of the service, and appends what they become, with the progress of the service.
 *
 * An event can never stop its partition. If reading, deciding or encoding it throws anything but EngineUnavailable, the
 * frame repeats the batch with that event as a dead letter. A batch is delivered again unchanged only if an engine is
 * unreachable.
 */
export class Intake<E extends IntakeEvent> {
  readonly #ports: IntakePorts;
  readonly #role: IntakeRole;
  readonly #derivation: Derivation;
  readonly #transactionTimes: TransactionTimes;
  readonly #latest: LatestTime;
  #stamp = 0;

  constructor(ports: IntakePorts, role: IntakeRole) {
    this.#ports = ports;
    this.#role = role;
    this.#transactionTimes = new TransactionTimes(ports.state.streams);
    this.#latest = new LatestTime(ports.clock);
    const { log, clock, metrics } = ports;
    this.#derivation = new Derivation({
      log,
      deriver: role.deriver,
      progressTopic: role.progressTopic,
      now: () => clock.now(),
      done: countOutcomes(metrics, role.deriver),
    });
  }

  /** Call this when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.#derivation.assigned();
  }

  /** ms since the epoch: the newest transactionTime of an export. */
  newest(): Promise<number> {
    return this.#transactionTimes.newest();
  }

  /** @throws EngineUnavailable: then the batch is delivered again */
  async handle(batch: Batch, work: BatchWork<E>): Promise<void> {
    // Ask only after the log has delivered the batch: an export whose positions do not include the batch has raised the
    // time before (ADR 0023). A batch without events for this service has no record that gets a time.
    const [events, asked] = await Promise.all([
      work.read(this.#latest.with(batch.records)),
      work.concerns === true ? this.newest() : undefined,
    ]);
    const newest = asked ?? (events.length === 0 ? 0 : await this.newest());
    this.#stamp = Math.max(this.#stamp, newest, this.#ports.clock.now());
    const times: BatchTimes = { newest, stamp: this.#stamp };
    for (const { record, failed } of events) if (failed !== undefined) this.#warn(batch, record.offset, failed);
    /** The events at which the platform failed, by their offset. */
    const faults = new Map<number, EventFault>();
    const attempt = (mayAppend?: () => void): Promise<Failed | undefined> =>
      new Attempt({ role: this.#role, batch, stages: work.stages(times), faults, times }).run(
        events,
        this.#derivation,
        mayAppend,
      );
    for (;;) {
      const failed = await (work.around?.(events, attempt) ?? attempt());
      if (failed === undefined) return;
      const { fault, error, offset } = failed;
      // An event that fails although it is refused leaves nothing to try.
      if (faults.has(offset)) throw error;
      faults.set(offset, fault);
      this.#warn(batch, offset, placeOf(error));
    }
  }

  #warn({ topic, partition }: Batch, offset: number, failed: ErrorPlace): void {
    this.#ports.logger.error(
      { deadLetter: deadLetterId(topic, partition, offset), ...failed },
      'the platform failed at an event, which becomes a dead letter',
    );
  }
}
