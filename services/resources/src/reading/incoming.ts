import {
  type DomainEvent,
  type FaultReason,
  headersOf,
  identityFault,
  MAX_IDENTITY,
  PAYER_CONTRACT,
  RESERVED_SUBJECT,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { isObject, isId } from '@provider-access/fhir';
import { readConsent } from '@provider-access/domain/pdex';
import { isNestedTooDeeply } from './nesting.ts';

/** Size limit of an event, in bytes of its structured form. */
export const MAX_EVENT_BYTES = 4 * 1024 * 1024;

type RefusedReason = FaultReason | 'not-utf8';
/** An event of a request: a record for the log, or the reason why the event is refused. */
export type Incoming =
  | {
      readonly index: number;
      readonly ok: true;
      readonly id: string;
      readonly topic: string;
      readonly record: NewRecord;
      readonly bytes: number;
      readonly consent: boolean;
    }
  | Refused;
interface Refused {
  readonly index: number;
  readonly ok: false;
  readonly id?: string;
  readonly reason: RefusedReason;
  readonly detail: string;
}
const refused = (index: number, reason: RefusedReason, detail: string): Refused => ({
  index,
  ok: false,
  reason,
  detail,
});

/** Extensions that the platform sets itself. It removes them from received events. */
const OURS = new Set(['pareceipt', 'pareplayof', 'paattempt']);

export const tooLarge = (index: number, bytes: number): Refused =>
  refused(index, 'too-large', `an event may have at most ${MAX_EVENT_BYTES} bytes; this event has ${bytes}`);
export const NOT_UTF8 = { reason: 'not-utf8', detail: 'the line is not UTF-8' } as const;
export const NOT_JSON = { reason: 'not-json', detail: 'this is not JSON' } as const;
export const DATA_NOT_JSON = { reason: 'not-json', detail: 'the data is not JSON' } as const;

/** An event of a request before it has a place among the others. */
export type Accepted = Omit<Extract<Incoming, { readonly ok: true }>, 'index' | 'record'> &
  Pick<NewRecord, 'key' | 'headers'> & {
    /** The data as JSON. */
    readonly value: string;
  };
type Accepting = Accepted | Omit<Refused, 'index'>;

/**
 * The attributes of an event in binary mode: those of its `ce-` headers, whose names are in lower case.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
 */
export function attributesOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('ce-') && typeof value === 'string') attributes[name.slice(3)] = unescape(value);
  return attributes;
}

function unescape(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/**
 * Refuses events that over Kafka would become dead letters, because here the sender reads the answer and can correct
 * the event. An unknown type may be a misspelt opt-out, and an opt-out without a member would deny nobody.
 */
function refusal(event: DomainEvent): { readonly reason: FaultReason; readonly detail: string } | undefined {
  const definition = PAYER_CONTRACT.definition(event.type);
  if (definition === undefined) return { reason: 'unknown-event-type', detail: PAYER_CONTRACT.unknown(event.type) };
  const named = identityFault(event);
  if (named !== undefined || !statesConsent(event)) return named;
  if (event.type === 'payer.provider-recorded.v1') {
    return {
      reason: 'not-a-provider-type',
      detail: 'a Consent belongs to a member: publish it as payer.resource-recorded.v1',
    };
  }
  const { subject } = event;
  if (subject === undefined || subject === '')
    return { reason: 'missing-subject', detail: 'subject must be the id of the member who opts out or in' };
  if (!isId(subject))
    return { reason: 'invalid-subject', detail: 'subject must be a member id: letters, digits, - and ., at most 64' };
  return subject === RESERVED_SUBJECT
    ? { reason: 'reserved-subject', detail: `"${RESERVED_SUBJECT}" is no member id` }
    : undefined;
}

/** Whether an event states an opt-out or opt-in: an event type of consent, or a FHIR Consent that denies. */
function statesConsent({ type, data }: DomainEvent): boolean {
  if (PAYER_CONTRACT.definition(type)?.owner === 'consent') return true;
  const resource = isObject(data) ? data['resource'] : undefined;
  return isObject(resource) && resource['resourceType'] === 'Consent' && readConsent(resource, 0).kind === 'opt-out';
}

/** @param value the data as bytes, because the garbage collector would copy a text while it waits for the log */
export function inPlace(
  { id, topic, key, headers, bytes, consent }: Omit<Accepted, 'value' | 'ok'>,
  index: number,
  value: Uint8Array,
): Incoming {
  return { index, ok: true, id, topic, record: { key, partitionKey: key, headers, value }, bytes, consent };
}

/**
 * Decides whether an event goes to the log.
 * @param value its data as JSON, if it is known
 * @param size bytes of the event as it was received, if it was received alone
 */
export function accept(
  event: DomainEvent,
  receipt: string,
  value: string | undefined,
  size: number | undefined,
): Accepting {
  const refused = refusal(event);
  if (refused !== undefined) return { ok: false, id: event.id.slice(0, MAX_IDENTITY), ...refused };
  const extensions: Record<string, string> = {};
  const sent = event.extensions;
  for (const name in sent) if (!OURS.has(name)) extensions[name] = sent[name]!;
  extensions['pareceipt'] = receipt;
  const text = value ?? encodedData(event.data);
  if (text === undefined)
    return { ok: false, id: event.id, reason: 'not-json', detail: 'the data is nested too deeply' };
  const bytes = size ?? Buffer.byteLength(text);
  if (bytes > MAX_EVENT_BYTES) {
    const { index: _none, ...fault } = tooLarge(0, bytes);
    return { ...fault, id: event.id };
  }
  const { topic } = PAYER_CONTRACT.definition(event.type)!;
  const headers = headersOf({ ...event, extensions });
  const key = event.subject ?? event.id;
  return { ok: true, id: event.id, topic, key, headers, value: text, bytes, consent: statesConsent(event) };
}

/** Undefined for data that are nested too deeply. */
export function encodedData(data: unknown): string | undefined {
  try {
    const json = JSON.stringify(data);
    return isNestedTooDeeply(json) ? undefined : json;
  } catch {
    // Before Node 26, JSON.stringify had a bound of its own.
    return undefined;
  }
}

/**
 * Finds the text of `data` in the event, so that nobody must encode it again. This works if `data` comes last, as most
 * producers write it: the attributes before it are strings, so the first `"data":` outside a string is the key.
 * @returns its first index and the index behind it; otherwise undefined
 */
export function placeOfData(text: string, body: Record<string, unknown>): [from: number, to: number] | undefined {
  let last: string | undefined;
  for (const name in body) last = name;
  if (last !== 'data') return undefined;
  const end = text.lastIndexOf('}');
  let at = text.indexOf('{') + 1;
  // Skip the attributes before data: key, colon, value, comma.
  for (;;) {
    at = skipSpace(text, at);
    const keyEnd = endOfString(text, at);
    if (keyEnd < 0) return undefined;
    const isData = keyEnd - at === DATA.length && text.startsWith(DATA, at);
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== 58) return undefined;
    at = skipSpace(text, at + 1);
    if (isData) return [at, end];
    // No attribute is an object or a list. A key with an escape may be data, and what is inside is not.
    if (text[at] === '{' || text[at] === '[') return undefined;
    if (text.charCodeAt(at) === 34) at = endOfString(text, at);
    else while (at < end && text.charCodeAt(at) !== 44) at += 1;
    if (at < 0) return undefined;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) !== 44) return undefined;
    at += 1;
  }
}

const DATA = '"data"';

function skipSpace(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/** Index behind the closing quote of the string that starts at `at`, or -1. */
function endOfString(text: string, at: number): number {
  if (text.charCodeAt(at) !== 34) return -1;
  const first = text.indexOf('"', at + 1);
  // Nearly all strings have no quotation mark inside.
  if (first < 0 || text.charCodeAt(first - 1) !== 92) return first < 0 ? -1 : first + 1;
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 92) i += 1;
    else if (c === 34) return i + 1;
  }
  return -1;
}
