import type { AccessHeld, PayerContract, PayerEvent } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Hold } from './access-holds.ts';
import type { Inbound, Interest } from './read.ts';
import type { IntakeRole } from './role.ts';
import type { IntakeEvent, Output, Stage } from './stage.ts';

/** A payer's event that may change who has access. */
export interface AccessEvent<E = PayerEvent> extends IntakeEvent {
  readonly inbound: Inbound<E>;
  /**
   * When the event was appended, as an RFC 3339 instant. A producer may have set this time, so it is never in the
   * future.
   */
  readonly at: string;
}

/** The parts that a service which decides access adds to the frame. */
export interface AccessRole<E = PayerEvent> extends Omit<IntakeRole, 'recordedAtHeader'> {
  readonly interest: Interest;
  /** Whether this service reports the outcome of events of a type. */
  readonly reports: (type: string) => boolean;
  /**
   * Whether this intake refuses an event that cannot be read: its own events, and those that may restrict access
   * through it.
   */
  readonly refuses: (record: LogRecord, inbound: Inbound<E>) => boolean;
  /** Whose access is held until the dead letter is resolved; undefined for an event that can only have given access. */
  readonly holdOf: (record: LogRecord, inbound: Inbound<E>, deadLetter: string) => Hold | undefined;
  /** The events that publish the hold of one member, of providers or of a source. */
  readonly hold: (held: AccessHeld, at: string) => Promise<readonly Output[]>;
  readonly release: (held: AccessHeld, at: string) => Promise<readonly Output[]>;
  /** The stages of the service for one attempt at a batch. They decide nothing about an event that is refused. */
  readonly stages: () => readonly Stage<AccessEvent<E>>[];
  readonly contract?: PayerContract<E>;
}
