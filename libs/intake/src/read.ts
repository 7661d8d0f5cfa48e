import { isId } from '@provider-access/fhir';
import {
  decodeEvent,
  type DomainEvent,
  type EventFault,
  isGap,
  isSandboxSource,
  MAX_IDENTITY,
  PAYER_CONTRACT,
  PAYER_MEMBER_EVENTS,
  type PayerContract,
  type PayerEvent,
  typeOf,
  bufferOf,
  textOf,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';

export { type ErrorPlace, INTERNAL_FAULT, placeOf } from './internal-fault.ts';

/** The part of a log record that is read here. */
export interface Readable extends Pick<LogRecord, 'topic' | 'key' | 'headers'> {
  readonly value: string | Uint8Array;
  /** Gives the value of a record in binary mode, if it is parsed already. Called when the value is needed. */
  readonly parsed?: (() => { readonly data: unknown } | undefined) | undefined;
}

/** Which events an intake handles. */
export interface Interest {
  /** Types in their newest version. */
  readonly types: ReadonlySet<string>;
  /**
   * Events that belong to no service: those of unknown types, and those whose envelope cannot be read. One service
   * makes dead letters of them. One watches them, because a misspelt opt-out may be among them. The others see only
   * events that may be a version of one of their types.
   */
  readonly strays: 'parked' | 'watched' | 'passed';
  /** Of events about FHIR resources, only those with these resource types. The frame drops all others. Default: all. */
  readonly resources?: ReadonlySet<string>;
  /** A sandbox takes only the events of its synthetic payer (ADR 0038). Default: of every source. */
  readonly sandbox?: boolean;
}

/** One record that an intake has to handle. */
export type Inbound<E = PayerEvent> = InboundEvent<E> | InboundFault;
interface Common {
  /**
   * The type in its newest version. For a structured event that cannot be decoded, the type in its bytes. undefined if
   * it is none of ours.
   */
  readonly type: string | undefined;
}
interface InboundEvent<E = PayerEvent> extends Common {
  readonly ok: true;
  readonly type: string;
  readonly event: E & DomainEvent;
}
interface InboundFault extends Common {
  readonly ok: false;
  readonly fault: EventFault;
  /** As far as the envelope could be read. */
  readonly event?: DomainEvent;
  /**
   * The type of the event is unknown, or its envelope cannot be read. The service whose strays are `parked` makes a
   * dead letter of it.
   */
  readonly stray: boolean;
}

const OTHER_VERSION: EventFault = {
  reason: 'unknown-event-type',
  detail: 'this version of the event type is not known here',
};

/**
 * Reads one record of a payer topic: decodes it, upgrades it to its newest version, and checks its place, time, subject
 * and data. Pure.
 * @param now ms since the epoch: the latest time that has certainly passed (`LatestTime`)
 * @returns undefined for an event of another service. In binary mode the type is checked before anything is parsed. An
 * unknown version of a type that the intake handles is a fault, because an opt-out must not be skipped.
 */
export function readInbound<E = PayerEvent>(
  record: Readable,
  interest: Interest,
  now: number,
  contract: PayerContract<E> = PAYER_CONTRACT as unknown as PayerContract<E>,
): Inbound<E> | undefined {
  const header = typeOf(record);
  if (isGap(record)) return undefined;
  const named = header === undefined ? undefined : classify(header, interest, contract);
  if (named !== undefined && named.kind !== 'ours') return stray(named, undefined);
  const decoded = decodeEvent(record, record.parsed?.());
  if (!decoded.ok) {
    const fault: EventFault = { reason: decoded.reason, detail: decoded.detail };
    if (named !== undefined) return { ok: false, type: named.type, fault, stray: false };
    const text = bufferOf(record.value);
    const type = [...interest.types].find((t) => text.includes(t));
    return type === undefined && interest.strays === 'passed' ? undefined : { ok: false, type, fault, stray: true };
  }
  const { event } = decoded;
  const found = named ?? classify(event.type, interest, contract);
  if (found.kind !== 'ours') return stray(found, event);
  const misplaced = (interest.sandbox === true ? sourceFault(event) : undefined) ?? placeFault(record, event, contract);
  if (misplaced !== undefined) return { ok: false, type: found.type, fault: misplaced, event, stray: false };
  const read = contract.read(event, now);
  return read.ok
    ? { ok: true, type: found.type, event: read.event as E & DomainEvent }
    : { ok: false, type: found.type, fault: read.fault, event, stray: false };
}

type Class =
  | { readonly kind: 'ours'; readonly type: string }
  /** The type is unknown; `type` is the one of which it may be a version. */
  | { readonly kind: 'unknown'; readonly type: string | undefined }
  | { readonly kind: 'passed' };

function classify<E>(type: string, { types, strays }: Interest, contract: PayerContract<E>): Class {
  const newest = contract.newest(type);
  if (types.has(newest)) return { kind: 'ours', type: newest };
  if (contract.definition(type) !== undefined) return { kind: 'passed' };
  const closest = contract.closest(type);
  if (closest !== undefined && types.has(closest)) return { kind: 'unknown', type: closest };
  // A new version of another service's type is no misspelt opt-out: that service holds access for it.
  return strays === 'passed' || (strays === 'watched' && closest !== undefined)
    ? { kind: 'passed' }
    : { kind: 'unknown', type: undefined };
}

function stray(found: Class, event: DomainEvent | undefined): InboundFault | undefined {
  if (found.kind !== 'unknown') return undefined;
  return { ok: false, type: found.type, fault: OTHER_VERSION, stray: true, ...(event !== undefined && { event }) };
}

/** What is wrong with the source of an event in a sandbox. */
export function sourceFault({ source }: Pick<DomainEvent, 'source'>): EventFault | undefined {
  if (isSandboxSource(source)) return undefined;
  return { reason: 'not-from-the-sandbox', detail: 'this is a sandbox: only its synthetic payer publishes here' };
}

/**
 * What is wrong with the place of an event. Producers write to Kafka themselves. A member event among provider events,
 * or under a key that is not the member's, would not be handled in order with earlier events of the member.
 */
function placeFault<E>(record: Readable, event: DomainEvent, contract: PayerContract<E>): EventFault | undefined {
  const topic = contract.definition(event.type)?.topic;
  if (topic !== record.topic) return { reason: 'wrong-topic', detail: `events of this type belong on ${topic}` };
  if (topic === PAYER_MEMBER_EVENTS && event.subject !== undefined && record.key !== event.subject) {
    return {
      reason: 'key-names-another-member',
      detail: "the record's key must be the event's subject: order holds within a key",
    };
  }
  return undefined;
}

/** Whom an unreadable event concerns, by its envelope. A subject that is no id names nobody. */
export interface Concerned {
  readonly member?: string;
  /** At most as long as the source of a valid event. A longer source matches no source. */
  readonly source: string;
}
export function concerned(record: Readable, event: DomainEvent | undefined): Concerned {
  const subject = event?.subject ?? record.headers['ce_subject'];
  const source = event?.source ?? record.headers['ce_source'] ?? structuredText(record, 'source') ?? 'unknown';
  const member = subject ?? structuredText(record, 'subject');
  return { ...(isId(member) && { member }), source: source.slice(0, MAX_IDENTITY) };
}

/** An attribute of a structured event whose JSON is broken further on. */
function structuredText(record: Readable, name: 'subject' | 'source'): string | undefined {
  if (record.headers['ce_type'] !== undefined) return undefined;
  return new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]{1,256})"`).exec(textOf(record))?.[1];
}
