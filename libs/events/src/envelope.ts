import { dataOf } from './record-value.ts';
import { isInstant } from '@provider-access/fhir';

/**
 * CloudEvents 1.0, Kafka binary mode: attributes travel as `ce_*` headers, the value is the data as JSON.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export interface DomainEvent<Data = unknown> {
  /** Unique within `source`; (source, id) identifies the event, a second delivery changes nothing. */
  readonly id: string;
  /** URI-reference of the producer. */
  readonly source: string;
  /** Fact in the past tense with a version, e.g. `payer.resource-recorded.v1`. */
  readonly type: string;
  /** RFC 3339 instant of the occurrence: business time, which decides which version wins. */
  readonly time: string;
  /** The member id for member events, the NPI or organization id for provider events. */
  readonly subject?: string;
  readonly data: Data;
  /** W3C trace context, carried on unchanged. */
  readonly traceparent?: string;
  /** Extension attributes: lower-case letters and digits, string values. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/** What the log stores of an event: headers and bytes. Structurally a `NewRecord` of the log port. */
export interface EventRecord {
  /** Compaction key. */
  readonly key: string;
  /** Order holds per partition key (the member id for everything about a member). */
  readonly partitionKey: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string | Uint8Array;
}

const CORE: ReadonlySet<string> = new Set([
  'id',
  'source',
  'type',
  'time',
  'subject',
  'specversion',
  'datacontenttype',
]);

const CORE_HEADERS: ReadonlySet<string> = new Set([...CORE].map((name) => `ce_${name}`));

/** The headers of an event in the log. */
export function headersOf(event: Omit<DomainEvent, 'data'>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_time: event.time,
    'content-type': 'application/json',
  };
  if (event.subject !== undefined) headers['ce_subject'] = event.subject;
  if (event.traceparent !== undefined) headers['traceparent'] = event.traceparent;
  const { extensions } = event;
  for (const name in extensions) headers[`ce_${name}`] = extensions[name]!;
  return headers;
}

/** Encodes an event for the log. `key` defaults to the subject, `partitionKey` to `key`. */
export function encodeEvent(event: DomainEvent, keys: { key?: string; partitionKey?: string } = {}): EventRecord {
  const key = keys.key ?? event.subject ?? event.id;
  return { key, partitionKey: keys.partitionKey ?? key, headers: headersOf(event), value: JSON.stringify(event.data) };
}

type DecodeFailure = {
  readonly ok: false;
  readonly reason: 'not-a-cloudevent' | 'not-json';
  readonly detail: string;
};
export type DecodeResult = { readonly ok: true; readonly event: DomainEvent } | DecodeFailure;

/**
 * A trace context is copied to everything that an event becomes. A value that is far longer than a trace context (55
 * characters) is not copied.
 */
const isTraceparent = (value: unknown): value is string => typeof value === 'string' && value.length <= 128;
const failure = (reason: DecodeFailure['reason'], detail: string): DecodeFailure => ({ ok: false, reason, detail });

/** The event type without parsing the value, or undefined for structured mode and for what is no CloudEvent. */
export function typeOf(record: { readonly headers: Readonly<Record<string, string>> }): string | undefined {
  return record.headers['ce_type'];
}

/**
 * Decodes binary or structured mode. Details name attributes, never values (they may be PHI).
 * @param parsed the value of a record in binary mode, if it is parsed already
 */
export function decodeEvent(
  record: { readonly headers: Readonly<Record<string, string>>; readonly value: string | Uint8Array },
  parsed?: { readonly data: unknown },
): DecodeResult {
  const h = record.headers;
  if (h['ce_type'] === undefined) {
    if (!(h['content-type'] ?? '').startsWith('application/cloudevents'))
      return failure('not-a-cloudevent', 'neither ce_ headers nor application/cloudevents+json');
    let body: unknown;
    try {
      body = dataOf(record);
    } catch {
      return failure('not-json', 'the structured event is not JSON');
    }
    return fromStructured(body);
  }
  for (const name of ['ce_id', 'ce_source', 'ce_time'] as const)
    if (!h[name]) return failure('not-a-cloudevent', `${name} is missing`);
  if ((h['ce_specversion'] ?? '1.0') !== '1.0') return failure('not-a-cloudevent', 'ce_specversion must be 1.0');
  if (!isInstant(h['ce_time']!)) return failure('not-a-cloudevent', 'ce_time must be an RFC 3339 instant');
  let data: unknown;
  try {
    data = parsed === undefined ? dataOf(record) : parsed.data;
  } catch {
    return failure('not-json', 'the data is not JSON');
  }
  let extensions: Record<string, string> | undefined;
  for (const name in h)
    if (name.startsWith('ce_') && !CORE_HEADERS.has(name)) (extensions ??= {})[name.slice(3)] = h[name]!;
  return {
    ok: true,
    event: {
      id: h['ce_id']!,
      source: h['ce_source']!,
      type: h['ce_type'],
      time: h['ce_time']!,
      data,
      ...(h['ce_subject'] !== undefined && { subject: h['ce_subject'] }),
      ...(isTraceparent(h['traceparent']) && { traceparent: h['traceparent'] }),
      ...(extensions !== undefined && { extensions }),
    },
  };
}

/** Reads a structured-mode JSON object (application/cloudevents+json). */
export function fromStructured(body: unknown): DecodeResult {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return failure('not-a-cloudevent', 'a CloudEvent is a JSON object');
  const e = body as Record<string, unknown>;
  if (e['specversion'] !== '1.0') return failure('not-a-cloudevent', 'specversion must be "1.0"');
  for (const name of ['id', 'source', 'type', 'time'] as const) {
    if (typeof e[name] !== 'string' || e[name] === '')
      return failure('not-a-cloudevent', `${name} must be a non-empty string`);
  }
  if (!isInstant(e['time'] as string)) return failure('not-a-cloudevent', 'time must be an RFC 3339 instant');
  if (e['subject'] !== undefined && typeof e['subject'] !== 'string')
    return failure('not-a-cloudevent', 'subject must be a string');
  let data = e['data'];
  if (data === undefined && typeof e['data_base64'] === 'string') {
    try {
      data = JSON.parse(Buffer.from(e['data_base64'], 'base64').toString());
    } catch {
      return failure('not-json', 'data_base64 is not JSON');
    }
  }
  if (data === undefined) return failure('not-a-cloudevent', 'data is missing');
  let extensions: Record<string, string> | undefined;
  for (const name in e) {
    if (CORE.has(name) || name === 'data' || name === 'data_base64' || name === 'dataschema' || name === 'traceparent')
      continue;
    const value = e[name];
    if (!/^[a-z0-9]{1,64}$/.test(name))
      return failure('not-a-cloudevent', 'attribute names are lower-case letters and digits');
    if (value === null) continue;
    if (typeof value === 'object') return failure('not-a-cloudevent', 'attributes are strings, booleans or numbers');
    // The value is a string, a boolean or a number.
    (extensions ??= {})[name] = String(value as string);
  }
  return {
    ok: true,
    event: {
      id: e['id'] as string,
      source: e['source'] as string,
      type: e['type'] as string,
      time: e['time'] as string,
      data,
      ...(typeof e['subject'] === 'string' && { subject: e['subject'] }),
      ...(isTraceparent(e['traceparent']) && { traceparent: e['traceparent'] }),
      ...(extensions !== undefined && { extensions }),
    },
  };
}

/** The structured-mode object of an event, as `pa` writes it and `POST /events` takes it. */
export function toStructured(event: DomainEvent): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: event.id,
    source: event.source,
    type: event.type,
    time: event.time,
    ...(event.subject !== undefined && { subject: event.subject }),
    datacontenttype: 'application/json',
    ...(event.traceparent !== undefined && { traceparent: event.traceparent }),
    ...event.extensions,
    data: event.data,
  };
}

/** Marks an event of pa.consent that repeats a statement under another id of the same person. */
export const CONSENT_COPY_HEADER = 'ce_pacopy';
/**
 * Header of what consent and attribution derive, and of what a match attests: the newest transactionTime of an export
 * at that moment, an RFC 3339 instant. Facts count as recorded at that time at the earliest (ADR 0023). A record
 * without it was recorded at its timestamp.
 */
export const RECORDED_AT_HEADER = 'ce_parecordedat';
/** The header. @param newest the newest transactionTime, ms since the epoch; 0 before the first export */
export const recordedAtOrLater = (newest: number): Readonly<Record<string, string>> =>
  newest > 0 ? { [RECORDED_AT_HEADER]: new Date(newest).toISOString() } : {};
