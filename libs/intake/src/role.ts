import {
  type AccessHeld,
  type DomainEvent,
  type EventFault,
  type PayerContract,
  type PayerEvent,
} from '@provider-access/events';
import { type Batch, type LogRecord } from '@provider-access/engines/log';
import { type Hold } from './access-holds.ts';
import { type Inbound, type Interest } from './read.ts';
import type { Output } from './output.ts';

/** The outcome of an event. */
export type Taken =
  | {
      readonly ok: true;
      /**
       * `unchanged`: the event states what already holds. `superseded`: it states something else, and a newer statement
       * wins.
       */
      readonly outcome: 'recorded' | 'unchanged' | 'superseded';
      /** `same-time`: the event replaced one with the same business time (ADR 0022). */
      readonly reason?: 'same-time';
      readonly outputs: readonly Output[];
    }
  | { readonly ok: false; readonly fault: EventFault };

export interface TakenFrom<E = PayerEvent> {
  readonly event: E & DomainEvent;
  readonly record: LogRecord;
  /**
   * When the event was appended, as an RFC 3339 instant. A producer may have set this time, so it is never in the
   * future.
   */
  readonly at: string;
  /** ms since the epoch. */
  readonly now: number;
}

/**
 * State of a service while the frame works on one batch. If the platform fails at an event of the batch, the frame
 * drops this state and asks for a new one.
 */
export interface Turn<E = PayerEvent> {
  /**
   * Called for each valid event, in order. @throws EngineUnavailable: then the batch is delivered again. Any other
   * error counts as a fault of the event.
   */
  take(from: TakenFrom<E>): Promise<Taken>;
  /** Records for the batch as a whole, such as Groups that its events open. */
  readonly extra?: () => readonly Output[];
  /** Called when everything is durable. */
  readonly done?: () => void;
}

/** The parts that a service adds to the frame. */
export interface IntakeRole<E = PayerEvent> {
  /** The service. */
  readonly deriver: 'attribution' | 'consent';
  readonly progressTopic: string;
  readonly interest: Interest;
  /** The order in which topics are appended. */
  readonly topics: readonly string[];
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
  /** Loads the data that decides the events of a batch. */
  readonly begin: (inbound: readonly Inbound<E>[], batch: Batch) => Promise<Turn<E>>;
  readonly contract?: PayerContract<E>;
}
