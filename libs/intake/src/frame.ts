import { type AccessHeld, type EventFault, type PayerEvent } from '@provider-access/events';
import { type Batch, deadLetterId, Derivation } from '@provider-access/engines/log';
import { countOutcomes, type ServicePorts } from '@provider-access/service/http';
import { TransactionTimes } from '@provider-access/engines/state';
import { AccessHolds, type Hold } from './access-holds.ts';
import { INTERNAL_FAULT, placeOf } from './internal-fault.ts';
import { LatestTime } from './latest-time.ts';
import { Resolutions } from './resolutions.ts';
import { type Times, Attempt, later } from './attempt.ts';
import type { IntakeRole } from './role.ts';

const TOO_LARGE: EventFault = {
  reason: 'too-large',
  detail: 'what the event becomes is larger than the log takes',
};

/**
 * The only way from a payer's topic to the events that a service derives from it. The frame reads each record, lets the
 * role decide, and derives events. It makes dead letters and holds of faulty events, reports the outcomes, and appends
 * all of it with the progress of the service.
 *
 * An event can never stop its partition. If reading, deciding or encoding it throws anything but EngineUnavailable, the
 * frame repeats the batch with that event as a dead letter `internal-fault`. A batch is delivered again unchanged only
 * if an engine is unreachable.
 */
export class Intake<E = PayerEvent> {
  private readonly ports: ServicePorts;
  private readonly role: IntakeRole<E>;
  private readonly holds: AccessHolds;
  private readonly resolutions: Resolutions;
  private readonly derivation: Derivation;
  private readonly transactionTimes: TransactionTimes;
  private readonly latest: LatestTime;

  constructor(ports: ServicePorts, role: IntakeRole<E>) {
    this.ports = ports;
    this.role = role;
    this.holds = new AccessHolds(ports.state, role.deriver, ports);
    this.transactionTimes = new TransactionTimes(ports.state.streams);
    this.latest = new LatestTime(ports.clock);
    this.resolutions = new Resolutions(ports, { ...role, holds: this.holds });
    const { log, clock, metrics } = ports;
    this.derivation = new Derivation({
      log,
      deriver: role.deriver,
      progressTopic: role.progressTopic,
      now: () => clock.now(),
      done: countOutcomes(metrics, role.deriver),
    });
  }

  /** Call this when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.derivation.assigned();
  }

  /** @throws EngineUnavailable: then the batch is delivered again */
  async handle(batch: Batch): Promise<void> {
    /** The events at which the platform failed, by their offset. */
    const faults = new Map<number, EventFault>();
    // Ask only after the log has delivered the batch: an export whose positions do not include the batch has raised the
    // time before (ADR 0023).
    const newest = await this.transactionTimes.newest();
    const times: Times = { latest: this.latest.with(batch.records), newest };
    /** Log lines about the dead letters, written once for all attempts. */
    const published = new Map<string, Promise<readonly AccessHeld[]>>();
    const hold = (held: Hold): Promise<readonly AccessHeld[]> => {
      const telling = published.get(held.deadLetter) ?? this.holds.hold(held);
      published.set(held.deadLetter, telling);
      return telling;
    };
    for (;;) {
      const attempt = new Attempt(this.ports, this.role, hold, batch, faults, times);
      const failed = await attempt.run(this.derivation);
      if (failed === undefined) {
        // Everything is durable now. A hold must not end before its replacement is there.
        for (const telling of published.values()) await this.holds.appended(await telling);
        for (const { name, deadLetter, matter, at } of attempt.replays)
          await this.resolutions.took(name, deadLetter, matter, later(at, newest));
        return;
      }
      const { reason, error, offset } = failed;
      // An event that fails although it is refused leaves nothing to try.
      if (faults.has(offset)) throw error;
      faults.set(offset, reason === 'too-large' ? TOO_LARGE : INTERNAL_FAULT);
      this.ports.logger.error(
        { deadLetter: deadLetterId(batch.topic, batch.partition, offset), ...placeOf(error) },
        'the platform failed at an event, which becomes a dead letter',
      );
    }
  }

  /**
   * What operators decided about dead letters: records of a dead-letter topic. @throws EngineUnavailable: then the
   * batch is delivered again
   */
  async resolved(batch: Batch): Promise<void> {
    // A member who becomes visible because a hold ends must be in the next delta.
    await this.resolutions.handle(batch, await this.transactionTimes.newest());
  }
}
