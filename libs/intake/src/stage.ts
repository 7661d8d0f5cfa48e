import type { EventFault } from '@provider-access/events';
import type { LogRecord, NewRecord, OutcomeRow } from '@provider-access/engines/log';
import type { ErrorPlace } from './internal-fault.ts';

/** One record for one topic. */
export interface Output {
  readonly topic: string;
  readonly record: NewRecord;
}

/** An event of a batch as an intake read it. */
export interface IntakeEvent {
  readonly record: LogRecord;
  /** Event id for receipts; empty if the envelope cannot be read. */
  readonly id: string;
  readonly receipt: string | undefined;
  /** When its dead letter was made, as an RFC 3339 instant. Default: the time of the batch. */
  readonly at?: string;
  /** Place in our code that failed while the event was read. The event is read as a fault then. */
  readonly failed?: ErrorPlace | undefined;
}

/** What an event becomes: derived events and a row of its receipt, or a dead letter. */
export type Taken =
  | (Omit<OutcomeRow, 'event' | 'receipt' | 'outcome' | 'deadLetter'> & {
      readonly ok: true;
      /**
       * `unchanged`: the event states what already holds. `superseded`: it states something else, and a newer statement
       * wins. undefined: another service reports the event.
       */
      readonly outcome: Exclude<OutcomeRow['outcome'], 'parked'> | undefined;
      readonly outputs: readonly Output[];
    })
  | {
      readonly ok: false;
      readonly fault: EventFault;
      readonly about?: string | undefined;
      /** Derived events that go with the dead letter, such as a hold. */
      readonly outputs?: readonly Output[];
      /** Whether another service reports the event. */
      readonly unreported?: boolean;
    };

/**
 * One concern of an intake, for one attempt at a batch. The frame calls the stages in their order, and drops them when
 * the platform fails at an event of the batch (docs/architecture.md#stages-of-an-intake).
 */
export interface Stage<E extends IntakeEvent = IntakeEvent> {
  /** Loads what the batch needs. `events` lacks those at which the platform failed. */
  before?(events: readonly E[]): Promise<void> | void;
  /**
   * Called for each event, in order.
   * @param taken what the stages before made of it. For an event at which the platform failed, a fault from the start
   * @returns what it becomes; `taken` unless this stage decides something, undefined for nothing
   * @throws EngineUnavailable: then the batch is delivered again. Any other error counts as a fault of the event.
   */
  each?(event: E, taken: Taken | undefined): Promise<Taken | undefined> | Taken | undefined;
  /**
   * Called once every event is decided, for all stages at the same time. Appends what must be durable before the
   * derived events. @returns derived events of the batch as a whole, such as Groups that its events open
   */
  outputs?(): Promise<readonly Output[] | void> | readonly Output[];
  /** Called when everything is durable. */
  after?(): Promise<void> | void;
}
