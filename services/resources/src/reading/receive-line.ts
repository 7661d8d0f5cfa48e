import { fromStructured, MAX_IDENTITY } from '@provider-access/events';
import { isObject } from '@provider-access/fhir';
import type { JudgeOptions } from '../domain/judge.ts';
import { scanData } from '../domain/sent-text.ts';
import { accept, type Accepted, type Incoming, NOT_JSON, NOT_UTF8, placeOfData } from './incoming.ts';
import { isElsewhere, readEvent, type Reading } from './read-event.ts';

/** A line of a request. It has no place among the others yet, and is copied between threads. */
export type ReceivedLine = Blank | RefusedLine | AcceptedLine;
interface Blank {
  readonly kind: 'blank';
}
interface RefusedLine extends Omit<Extract<Incoming, { readonly ok: false }>, 'index' | 'ok'> {
  readonly kind: 'refused';
}
interface AcceptedLine extends Omit<Accepted, 'value' | 'ok'> {
  readonly kind: 'accepted';
  /** The data: bytes, or where they are in the line. */
  readonly value: Uint8Array | readonly [from: number, to: number];
  /** What `readEvent` reads of the record. Absent if intake has to read it from the log. */
  readonly reading?: Reading;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const BLANK: Blank = { kind: 'blank' };

/**
 * Parses a line once, for the answer to the request and for intake. The answer is that of `fromText`. Pure.
 * @param judging how intake judges events now. Without it, there is no reading
 */
export function receiveLine(line: Uint8Array, receipt: string, judging?: JudgeOptions): ReceivedLine {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    return { kind: 'refused', ...NOT_UTF8 };
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text.trim() === '' ? BLANK : { kind: 'refused', ...NOT_JSON };
  }
  const read = fromStructured(body);
  if (!read.ok) {
    const id = isObject(body) ? body['id'] : undefined;
    const { reason, detail } = read;
    return { kind: 'refused', ...(typeof id === 'string' && id.length <= MAX_IDENTITY && { id }), reason, detail };
  }
  const place = placeOfData(text, body as Record<string, unknown>);
  // Bytes and characters are the same in ASCII.
  const isAscii = text.length === line.byteLength;
  const size = isAscii ? text.length : Buffer.byteLength(text);
  const accepted = accept(read.event, receipt, place && text.slice(...place), size);
  if (!accepted.ok) {
    const { ok: _refused, ...refused } = accepted;
    return { kind: 'refused', ...refused };
  }
  const { ok: _accepted, value, ...rest } = accepted;
  const reading = judging && readingOf(accepted, read.event.data, judging);
  return {
    kind: 'accepted',
    ...rest,
    value: place !== undefined && isAscii ? place : Buffer.from(value),
    ...(reading !== undefined && { reading }),
  };
}

/**
 * What intake would read of the record. A fault is left to intake, because a later time or another rule may permit the
 * event. If a key of the event comes twice, the text of the data may be another value than the parsed one.
 */
function readingOf(
  { topic, key, headers, value }: Accepted,
  data: unknown,
  judging: JudgeOptions,
): Reading | undefined {
  if (isElsewhere({ headers })) return undefined;
  const text = scanData(value);
  if (!text.isOne()) return undefined;
  const reading = readEvent({ topic, key, headers, value }, judging, { data, text });
  return reading.judgement.kind === 'dead-letter' ? undefined : reading;
}
