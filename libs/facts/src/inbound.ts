import { decodeEvent, type DomainEvent, PAYER_MEMBER_EVENTS, payerEvent, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import type { z } from 'zod';

/** Payer clocks may run ahead of ours by this much, ms. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
const MEMBER_ID = /^[A-Za-z0-9\-.]{1,64}$/;

export interface InboundFault { readonly reason: 'not-a-cloudevent' | 'not-json' | 'time-in-future' | 'subject-missing' | 'invalid-subject' | 'invalid-data' | 'wrong-topic' | 'key-names-another-member'; readonly detail: string }
export type InboundEvent =
  | { readonly type: string; readonly event: DomainEvent; readonly fault?: undefined; readonly undecodable?: undefined }
  /** `undecodable`: not even the envelope could be read in structured mode, or the version is none of ours; such events are parked by resources. */
  | { readonly type: string; readonly event?: undefined; readonly fault: InboundFault; readonly undecodable?: boolean };

const OTHER_VERSION: InboundFault = { reason: 'invalid-data', detail: 'this version of the event type is not known here' };
const nameOf = (type: string): string => type.replace(/\.v\d+$/, '');
/** The wanted type of which `type` is a version that nobody here knows: it may say what the known one says. */
export const knownAs = (type: string, wantedTypes: readonly string[]): string | undefined => (payerEvent(type) === undefined ? wantedTypes.find((t) => nameOf(t) === nameOf(type)) : undefined);

const bytes = (record: LogRecord): Buffer => Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);

/**
 * The event of a payer record, when its type is wanted; undefined for what is somebody else's. Binary mode looks at the
 * header before anything is parsed. An unknown version of a wanted type is a fault: an opt-out must not be passed over. A structured event that cannot be decoded counts as the wanted type that its bytes name.
 */
export function readInbound(record: LogRecord, wanted: (type: string) => boolean, wantedTypes: readonly string[]): InboundEvent | undefined {
  const type = typeOf(record);
  if (type !== undefined && !wanted(type)) return otherVersion(type, wantedTypes);
  const decoded = decodeEvent(record);
  if (decoded.ok) {
    if (!wanted(decoded.event.type)) return otherVersion(decoded.event.type, wantedTypes);
    return { type: decoded.event.type, event: decoded.event };
  }
  const fault: InboundFault = { reason: decoded.reason, detail: decoded.detail };
  if (type !== undefined) return { type, fault };
  const text = bytes(record);
  const named = wantedTypes.find((t) => text.includes(t));
  return named === undefined ? undefined : { type: named, fault, undecodable: true };
}

function otherVersion(type: string, wantedTypes: readonly string[]): InboundEvent | undefined {
  const known = knownAs(type, wantedTypes);
  return known === undefined ? undefined : { type: known, fault: OTHER_VERSION, undecodable: true };
}

/** The data by its schema, or what is wrong with the event. Details name attributes and rules, never values. */
export function checkInbound<S extends z.ZodType>(event: DomainEvent, schema: S, now: number): { readonly ok: true; readonly data: z.output<S> } | { readonly ok: false; readonly fault: InboundFault } {
  const fail = (reason: InboundFault['reason'], detail: string) => ({ ok: false as const, fault: { reason, detail } });
  if (Date.parse(event.time) > now + CLOCK_TOLERANCE_MS) return fail('time-in-future', 'time lies more than 5 minutes in the future');
  if (event.subject === undefined || event.subject === '') return fail('subject-missing', 'subject must be the member id or the provider id');
  if (!MEMBER_ID.test(event.subject)) return fail('invalid-subject', 'subject must be an id: letters, digits, - and ., at most 64');
  const parsed = schema.safeParse(event.data);
  if (parsed.success) return { ok: true, data: parsed.data };
  const issues = parsed.error.issues.slice(0, 3).map((i) => `data${i.path.map((p) => `.${String(p)}`).join('')}: ${i.message}`);
  return fail('invalid-data', issues.join('; '));
}

/**
 * What is wrong with where an event was put. Producers write to Kafka themselves: member events among provider events, or under a
 * key that is not the member's, would be handled beside what came before them instead of after it.
 */
export function placeFault(record: LogRecord, event: DomainEvent): InboundFault | undefined {
  const topic = payerEvent(event.type)?.topic;
  if (topic !== undefined && topic !== record.topic) return { reason: 'wrong-topic', detail: `events of this type belong on ${topic}` };
  if (topic === PAYER_MEMBER_EVENTS && event.subject !== undefined && record.key !== event.subject) return { reason: 'key-names-another-member', detail: "the record's key must be the event's subject: order holds within a key" };
  return undefined;
}

/** Who an unreadable event concerns, as far as its envelope says. A subject that is no id names nobody. */
export function concerned(record: LogRecord, event: DomainEvent | undefined): { readonly member?: string; readonly source: string } {
  const subject = event?.subject ?? record.headers['ce_subject'];
  const source = event?.source ?? record.headers['ce_source'] ?? structuredText(record, 'source') ?? 'unknown';
  const member = subject ?? structuredText(record, 'subject');
  return { ...(member !== undefined && MEMBER_ID.test(member) && { member }), source };
}

/** An attribute of a structured event whose JSON is broken further on. */
function structuredText(record: LogRecord, name: 'subject' | 'source'): string | undefined {
  if (record.headers['ce_type'] !== undefined) return undefined;
  return new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]{1,256})"`).exec(bytes(record).toString('utf8'))?.[1];
}
