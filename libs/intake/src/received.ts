import { typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { notes } from '@provider-access/kernel';
import { MERGED } from './matter.ts';
import type { Readable } from './read.ts';
import { decisiveOf, isResourceEvent, namedTypes, namesNone } from './resources.ts';

/**
 * What the receipt of an event says of its data, so that no intake of the same process parses it again. It is copied
 * between threads, so data is in it only if an intake needs the data.
 */
export interface ReceivedData {
  /** The resource types of `decisiveOf` that the data names. */
  readonly decisive: readonly string[];
  /** The parsed data, if a service that decides access needs it. Nobody changes it. */
  readonly parsed?: ParsedData;
}
export interface ParsedData {
  readonly data: unknown;
}

/** What is known of an event about resources that restrict nothing, as nearly all are. */
export const RESTRICTS_NOTHING: ReceivedData = { decisive: [] };

/** @param data the parsed value of the event's record */
export function receivedData(type: string, data: unknown): ReceivedData {
  const types = decisiveOf(type);
  const decisive = namedTypes(data).filter((named) => types.has(named));
  if (!isResourceEvent(type)) return { decisive, parsed: { data } };
  return decisive.length === 0 ? RESTRICTS_NOTHING : { decisive, parsed: { data } };
}

interface Kept extends ReceivedData {
  /** Readers that have not had the data yet. */
  open: number;
}

/** By the headers of the record, which a log in this process hands on as they are (`EventLog.handsOnHeaders`). */
const kept = notes<LogRecord['headers'], Kept>();
type WithHeaders = Pick<LogRecord, 'headers'>;

/**
 * Keeps what is known of the data of a record that is about to be appended.
 * @param answers whether the answer to the request needs the data too
 */
export function keepReceived({ headers }: WithHeaders, type: string, received: ReceivedData, answers: boolean): void {
  const services = isResourceEvent(type) ? received.decisive.length : type === MERGED ? 2 : 1;
  kept.set(headers, { ...received, open: services + (answers ? 1 : 0) });
}

/** What is known of the data of a record; undefined if this process has not received it. */
export const receivedOf = ({ headers }: WithHeaders): ReceivedData | undefined => kept.get(headers);

/**
 * Whether a record is a resource event with none of these types of `decisiveOf`. Records that this process has not
 * received are searched by their bytes.
 */
export function concernsNone(record: Readable, resources: ReadonlySet<string>): boolean {
  const received = kept.get(record.headers);
  if (received === undefined) return namesNone(record, resources);
  const type = typeOf(record);
  return type !== undefined && isResourceEvent(type) && !received.decisive.some((named) => resources.has(named));
}

/**
 * The parsed data of a record. The last reader takes it out, because the log keeps its newest records in memory.
 * Undefined if the record has to be parsed.
 */
export function takeParsed({ headers }: WithHeaders): ParsedData | undefined {
  const known = kept.get(headers);
  if (known?.parsed === undefined) return undefined;
  known.open -= 1;
  if (known.open <= 0) kept.set(headers, { decisive: known.decisive, open: 0 });
  return known.parsed;
}
