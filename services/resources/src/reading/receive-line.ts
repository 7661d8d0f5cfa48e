import { type DecodeResult, fromStructured, MAX_IDENTITY } from '@provider-access/events';
import { isObject } from '@provider-access/fhir';
import { type ReceivedData, receivedData, RESTRICTS_NOTHING } from '@provider-access/intake/received';
import type { JudgeOptions } from '../domain/judge.ts';
import { hasNoEscape, scanData } from '../domain/sent-text.ts';
import { accept, type Accepted, DATA_NOT_JSON, type Incoming, NOT_JSON, NOT_UTF8, placeOfData } from './incoming.ts';
import { isElsewhere, readEvent, type Reading } from './read-event.ts';

/**
 * How an event came: as a line of NDJSON, as a whole body, or as an element of a JSON array. In binary mode the body is
 * the data, and the attributes came as headers.
 */
export type Form =
  | { readonly kind: 'line' | 'body' | 'element' }
  | { readonly kind: 'binary'; readonly attributes: Readonly<Record<string, string>> };
export const LINE: Form = { kind: 'line' };

/** An event of a request. It has no place among the others yet, and is copied between threads. */
export type ReceivedLine = Blank | RefusedLine | AcceptedLine;
interface Blank {
  readonly kind: 'blank';
}
interface RefusedLine extends Omit<Extract<Incoming, { readonly ok: false }>, 'index' | 'ok'> {
  readonly kind: 'refused';
}
export interface AcceptedLine extends Omit<Accepted, 'value' | 'ok'> {
  readonly kind: 'accepted';
  /** The data: bytes, or where they are in the line. */
  readonly value: Uint8Array | readonly [from: number, to: number];
  /** What `readEvent` reads of the record. Absent if intake has to read it from the log. */
  readonly reading?: Reading;
  /** What other intakes need of the data. Absent if they have to read it from the log. */
  readonly received?: ReceivedData;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const BLANK: Blank = { kind: 'blank' };

/**
 * Parses an event once, for the answer to the request and for all intakes of the process. Pure.
 * @param bytes of the line, the body or the element
 * @param judging how intake judges events now. Without it, intakes read the event from the log
 */
export function receiveLine(bytes: Uint8Array, receipt: string, judging?: JudgeOptions, form = LINE): ReceivedLine {
  const text = textOf(bytes, form);
  if (text === undefined) return { kind: 'refused', ...NOT_UTF8 };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    if (form.kind === 'line' && text.trim() === '') return BLANK;
    return { kind: 'refused', ...(form.kind === 'binary' ? DATA_NOT_JSON : NOT_JSON) };
  }
  const read = form.kind === 'binary' ? fromStructured({ data: body, ...form.attributes }) : fromStructured(body);
  if (!read.ok) return unreadable(read, form.kind === 'binary' ? undefined : body);
  const place = placeIn(text, body, form);
  const isAscii = isAsciiText(text, bytes, form);
  const accepted = accept(read.event, receipt, place && text.slice(...place), sizeOf(text, isAscii, form));
  if (!accepted.ok) {
    const { ok: _refused, ...refused } = accepted;
    return { kind: 'refused', ...refused };
  }
  // Copies of members cost more than their names here.
  const { id, topic, key, headers, bytes: size, consent, value } = accepted;
  const once =
    judging && readOnce(accepted, form.kind === 'binary' ? body : read.event.data, judging, place && isAscii);
  const line: Open = {
    kind: 'accepted',
    id,
    topic,
    key,
    headers,
    bytes: size,
    consent,
    value: place !== undefined && isAscii ? place : Buffer.from(value),
  };
  if (once?.received !== undefined) line.received = once.received;
  if (once?.reading !== undefined) line.reading = once.reading;
  return line;
}
type Open = { -readonly [Name in keyof AcceptedLine]: AcceptedLine[Name] };

/** Undefined for a line that is not UTF-8. In a body, U+FFFD replaces what is not. */
function textOf(bytes: Uint8Array, { kind }: Form): string | undefined {
  if (kind !== 'line') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether bytes and characters are the same. U+FFFD may stand for one byte that is not UTF-8. */
const isAsciiText = (text: string, { byteLength }: Uint8Array, { kind }: Form): boolean =>
  text.length === byteLength && (kind === 'line' || Buffer.byteLength(text) === byteLength);

function unreadable(read: Extract<DecodeResult, { readonly ok: false }>, body: unknown): RefusedLine {
  const id = isObject(body) ? body['id'] : undefined;
  const { reason, detail } = read;
  return { kind: 'refused', ...(typeof id === 'string' && id.length <= MAX_IDENTITY && { id }), reason, detail };
}

/** Where the data is in the text. Undefined if it has to be written again, as that of an element of an array. */
function placeIn(text: string, body: unknown, { kind }: Form): [from: number, to: number] | undefined {
  if (kind === 'element') return undefined;
  return kind === 'binary' ? [0, text.length] : placeOfData(text, body as Record<string, unknown>);
}

/** Bytes of the event. An element has those of its data. */
function sizeOf(text: string, isAscii: boolean, { kind }: Form): number | undefined {
  if (kind === 'element') return undefined;
  return isAscii ? text.length : Buffer.byteLength(text);
}

/**
 * What intakes would read of the record. If a key of the event comes twice, the text of the data may be another value
 * than the parsed one, and intakes read the text.
 */
function readOnce(
  { topic, key, headers, value }: Accepted,
  data: unknown,
  judging: JudgeOptions,
  isAscii = Buffer.byteLength(value) === value.length,
): Pick<AcceptedLine, 'reading' | 'received'> {
  const text = scanData(value, isAscii && hasNoEscape(value));
  const elsewhere = isElsewhere({ headers });
  const reading = elsewhere ? undefined : readEvent({ topic, key, headers, value }, judging, { data, text });
  // Reading the resource may tell it without a scan.
  if (!text.isOne()) return {};
  const received = receivedData(headers['ce_type']!, data);
  if (reading === undefined) return { received };
  // The reading is not kept if a later time permits the event, or if the platform failed.
  if (isOpen(reading)) return { received: { ...received, parsed: { data } } };
  return { reading, ...(received !== RESTRICTS_NOTHING && { received }) };
}

const isOpen = ({ judgement, failed }: Reading): boolean =>
  failed !== undefined || (judgement.kind === 'dead-letter' && judgement.reason === 'time-in-future');
