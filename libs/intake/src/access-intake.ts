import type { AccessHeld, DomainEvent, PayerEvent } from '@provider-access/events';
import type { Batch, LogRecord } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { AccessHolds } from './access-holds.ts';
import type { AccessEvent, AccessRole } from './access-role.ts';
import { Intake } from './frame.ts';
import { HoldsStage } from './holds-stage.ts';
import { INTERNAL_FAULT, placeOf } from './internal-fault.ts';
import { type Inbound, readInbound } from './read.ts';
import { concernsNone, takeParsed } from './received.ts';
import { Resolutions } from './resolutions.ts';
import { isAbout, isResourceEvent } from './resources.ts';

/**
 * The intake of a service that decides access. Beside the stages of the service, it holds access for an event that
 * cannot be read, until an operator resolves its dead letter.
 */
export class AccessIntake<E = PayerEvent> {
  readonly #ports: ServicePorts;
  readonly #role: AccessRole<E>;
  readonly #holds: AccessHolds;
  readonly #resolutions: Resolutions;
  readonly #intake: Intake<AccessEvent<E>>;

  constructor(ports: ServicePorts, role: AccessRole<E>) {
    this.#ports = ports;
    this.#role = role;
    this.#holds = new AccessHolds(ports.state, role.deriver, ports);
    this.#resolutions = new Resolutions(ports, { ...role, holds: this.#holds });
    this.#intake = new Intake(ports, { ...role, recordedAtHeader: true });
  }

  /** Call this when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.#intake.assigned();
  }

  /** @throws EngineUnavailable: then the batch is delivered again */
  handle(batch: Batch): Promise<void> {
    /** The events of each hold, so that an attempt that repeats the batch makes no hold again. */
    const published = new Map<string, Promise<readonly AccessHeld[]>>();
    return this.#intake.handle(batch, {
      read: (latest) => batch.records.flatMap((record) => this.#read(record, latest) ?? []),
      stages: ({ newest }) => [
        ...this.#role.stages(),
        new HoldsStage({
          role: this.#role,
          holds: this.#holds,
          resolutions: this.#resolutions,
          batch,
          published,
          newest,
        }),
      ],
    });
  }

  /**
   * What operators decided about dead letters: records of a dead-letter topic. @throws EngineUnavailable: then the
   * batch is delivered again
   */
  async resolved(batch: Batch): Promise<void> {
    // A member who becomes visible because a hold ends must be in the next delta.
    await this.#resolutions.handle(batch, await this.#intake.newest());
  }

  #read(record: LogRecord, latest: number): AccessEvent<E> | undefined {
    const { interest, contract } = this.#role;
    if (interest.resources !== undefined && concernsNone(record, interest.resources)) return undefined;
    const at = instant(Math.min(record.timestamp, this.#ports.clock.now()));
    try {
      const readable = { ...record, parsed: () => takeParsed(record) };
      const inbound = readInbound(readable, interest, latest, contract);
      if (inbound === undefined || this.#isElsewhere(record, inbound)) return undefined;
      const event = inbound.event as DomainEvent | undefined;
      return {
        record,
        inbound,
        at,
        id: event?.id ?? record.headers['ce_id'] ?? '',
        receipt: event?.extensions?.['pareceipt'] ?? record.headers['ce_pareceipt'],
      };
    } catch (error) {
      // Only its headers tell what it is.
      const { ce_type: type, ce_id: id = '', ce_pareceipt: receipt } = record.headers;
      const inbound = { ok: false, type, fault: INTERNAL_FAULT, stray: type === undefined } as const;
      return { record, inbound, at, id, receipt, failed: placeOf(error) };
    }
  }

  /**
   * Whether the event is about a resource that another service decides. Checked after parsing, because the bytes only
   * show that it may be.
   */
  #isElsewhere(record: LogRecord, inbound: Inbound<E>): boolean {
    const { resources } = this.#role.interest;
    const { type } = inbound;
    return (
      resources !== undefined &&
      type !== undefined &&
      isResourceEvent(type) &&
      !isAbout(record, inbound as Inbound, resources)
    );
  }
}
