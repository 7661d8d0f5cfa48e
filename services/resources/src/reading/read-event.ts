import {
  type DomainEvent,
  type EventFault,
  isGap,
  PAYER_CONTRACT,
  PAYER_EVENTS,
  textOf,
  typeOf,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import {
  type ErrorPlace,
  INTERNAL_FAULT,
  type Interest,
  placeOf,
  type Readable,
  readInbound,
} from '@provider-access/intake/read';
import { nameOf, recordIdNamed } from '@provider-access/records';
import { type DataText, hasNoEscape, scanData } from '../domain/sent-text.ts';
import { judge, type JudgeOptions, type Judgement, printable } from '../domain/judge.ts';

/** The result of reading a record. It does not contain the record, because it is copied between threads. */
export interface Reading {
  readonly judgement: Judgement;
  /** Event id for receipts; empty when the envelope could not be read. */
  readonly id: string;
  readonly receipt: string | undefined;
  /** Place in our code that failed at the event, for the log. */
  readonly failed?: ErrorPlace;
}
export interface ReadEvent extends Reading {
  readonly record: LogRecord;
  /** What a version or a removal is of, joined once: each join is a new text, which each map has to hash again. */
  readonly names: ResourceNames;
}
interface ResourceNames {
  /** `Type/id`, as receipts and dead letters have it. */
  readonly name: string;
  /** Id of the record: `member/Type/id`. */
  readonly recordId: string;
}
const NAMELESS: ResourceNames = { name: '', recordId: '' };

/** The event that a record brings. */
export function eventOf(record: LogRecord, { judgement, id, receipt, failed }: Reading): ReadEvent {
  const names = judgement.kind === 'accept' || judgement.kind === 'remove' ? namesOf(judgement) : NAMELESS;
  return { record, judgement, id, receipt, names, ...(failed !== undefined && { failed }) };
}
function namesOf({ about: { member, type, id } }: Versioned): ResourceNames {
  const name = nameOf(type, id);
  return { name, recordId: recordIdNamed(member, name) };
}
/** A judgement that makes a version of a resource, or removes it. */
export type Versioned = Extract<Judgement, { kind: 'accept' | 'remove' }>;

export const isVersioned = (event: ReadEvent): event is ReadEvent & { readonly judgement: Versioned } =>
  event.judgement.kind === 'accept' || event.judgement.kind === 'remove';

const MERGED = 'payer.members-merged.v1';
/**
 * The attribution service decides merges. Here a merge only allows a member to take over the records of a retired id.
 */
const INTEREST: Interest = {
  types: new Set([
    ...Object.entries(PAYER_EVENTS).flatMap(([type, { owner }]) => (owner === 'resources' ? [type] : [])),
    MERGED,
  ]),
  strays: 'parked',
};
const IN_SANDBOX: Interest = { ...INTEREST, sandbox: true };

/**
 * Whether the headers alone show that this service has nothing to decide about the record. Its data is not parsed then.
 */
export function isElsewhere({ headers }: Pick<LogRecord, 'headers'>): boolean {
  const type = typeOf({ headers });
  if (isGap({ headers })) return true;
  return (
    type !== undefined &&
    PAYER_CONTRACT.definition(type) !== undefined &&
    !INTEREST.types.has(PAYER_CONTRACT.newest(type))
  );
}

/** The data of a record that is parsed already, and what its text says. */
export interface ParsedData {
  readonly data: unknown;
  readonly text: DataText;
}

/** Reads and judges one record of a payer topic. Pure. @param parsed spares the parse of the value */
export function readEvent(record: Readable, options: JudgeOptions, parsed?: ParsedData): Reading {
  const { headers } = record;
  let common = { id: headers['ce_id'] ?? '', receipt: headers['ce_pareceipt'] };
  try {
    const value = parsed !== undefined || isElsewhere(record) ? record.value : textOf(record);
    const interest = options.sandbox === true ? IN_SANDBOX : INTEREST;
    const inbound = readInbound({ ...record, value, parsed: parsed && (() => parsed) }, interest, options.now);
    if (inbound === undefined) return { ...common, judgement: { kind: 'other' } };
    const event = inbound.event as DomainEvent | undefined;
    if (event !== undefined) common = { id: event.id, receipt: event.extensions?.['pareceipt'] };
    if (inbound.ok) {
      const bytes = bytesOf(record.value);
      const data = parsed?.text ?? (typeof value === 'string' ? scanReceived(value, bytes) : undefined);
      const received = { bytes, data };
      return { ...common, judgement: judge(inbound.event, options, received) };
    }
    // The attribution service writes the dead letter of a faulty merge.
    if (inbound.type === MERGED && !inbound.stray) return { ...common, judgement: { kind: 'other' } };
    return { ...common, judgement: deadLetter(inbound.fault, event?.type ?? typeOf(record)) };
  } catch (error) {
    return { ...common, judgement: deadLetter(INTERNAL_FAULT, typeOf(record)), failed: placeOf(error) };
  }
}

/** U+FFFD may stand for one byte that is not UTF-8. It is neither a control character nor white space. */
const scanReceived = (text: string, bytes: number): DataText =>
  scanData(text, text.length === bytes && hasNoEscape(text));

const bytesOf = (value: string | Uint8Array): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength;

const deadLetter = (fault: EventFault, type: string | undefined): Judgement => ({
  kind: 'dead-letter',
  ...fault,
  ...(type !== undefined && { about: printable(type) }),
});
