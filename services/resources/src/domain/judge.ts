import { type Counts, type Objective, PAYER_EVENTS, PAYER_PROVIDER_EVENTS, payerEvent } from '@provider-access/events';
import { checkShape, type FhirResource, isObject, isServedType, isSharedType, KNOWN_R4_TYPES, ownerOf, parseReference, referencesOf } from '@provider-access/fhir';
import { beforeFloor, redact, serviceDate } from '@provider-access/pdex';
import { objectiveOf } from '@provider-access/pdex/service-levels';
import { SHARED, type VersionOrder } from '@provider-access/records';
import { type AcceptedContent, encodeContent } from './content.ts';

/** Why an event is parked. Closed: shown in dead letters, receipts and metrics. */
export const PARK_REASONS = [
  'not-a-cloudevent', 'not-json', 'unknown-event-type', 'wrong-topic', 'invalid-data', 'not-a-resource', 'unknown-resource-type', 'invalid-resource',
  'missing-id', 'missing-subject', 'reserved-subject', 'patient-unreadable', 'names-another-member', 'owned-by-another-member', 'not-a-prior-authorization',
  'not-a-provider-type', 'not-a-member-type', 'time-in-future', 'event-id-reused', 'key-names-another-member',
] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** An inbound event whose envelope was read; the data is parsed JSON. */
export interface InboundEvent {
  readonly topic: string;
  /** Key of the log record. */
  readonly key?: string;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly data: unknown;
}
export interface JudgeOptions {
  /** ms since the epoch. */
  readonly now: number;
  /** FHIR date: care that was over before it is not kept. */
  readonly floor: string;
}

/** What a record is about, and the order of its version. */
export interface About { readonly member: string; readonly type: string; readonly id: string; readonly order: Required<VersionOrder> }
export type Judgement =
  | { readonly kind: 'park'; readonly reason: ParkReason; readonly detail: string; readonly about?: string }
  | { readonly kind: 'not-served'; readonly about: string }
  /** The newest version is not kept: it removes what an older one left. */
  | { readonly kind: 'remove'; readonly about: About; readonly reason: 'deleted' | 'entered-in-error' | 'before-floor' }
  /**
   * `removed`: what redaction removed, by path; absent where it removed nothing.
   * `objective`: the service level that its visibility is measured by.
   */
  | { readonly kind: 'accept'; readonly about: About; readonly content: AcceptedContent; readonly removed?: Counts; readonly objective?: Objective }
  /** `retired` is now the same person as `member`: its records may be taken over. */
  | { readonly kind: 'merge'; readonly member: string; readonly retired: string }
  /** Another service decides about it. */
  | { readonly kind: 'other' };

const FUTURE_MS = 5 * 60_000;
const FHIR_ID = /^[A-Za-z0-9\-.]{1,64}$/;
const OTHER: Judgement = { kind: 'other' };
const park = (reason: ParkReason, detail: string, about?: string): Judgement => ({ kind: 'park', reason, detail, ...(about !== undefined && { about }) });

/**
 * Judges one event by itself: no state, no clock, no I/O. Everything that is at fault is named by a closed reason; details
 * name elements and rules, never values.
 */
export function judge(event: InboundEvent, options: JudgeOptions): Judgement {
  const definition = payerEvent(event.type);
  if (definition === undefined) return park('unknown-event-type', 'this event type is not known; see the AsyncAPI document', printable(event.type));
  if (definition.owner !== 'resources') return event.type === 'payer.members-merged.v1' ? judgeMerge(event) : OTHER;
  if (definition.topic !== event.topic) return park('wrong-topic', `events of this type belong on ${definition.topic}`, event.type);
  const time = Date.parse(event.time);
  if (Number.isNaN(time)) return park('not-a-cloudevent', 'time must be an RFC 3339 instant', event.type);
  if (time > options.now + FUTURE_MS) return park('time-in-future', 'time lies more than five minutes ahead of this server', event.type);
  const fault = subjectFault(event);
  if (fault !== undefined) return fault;
  return event.type === 'payer.resource-deleted.v1' ? judgeDelete(event, time) : judgeResource(event, time, options);
}

function judgeMerge(event: InboundEvent): Judgement {
  const parsed = PAYER_EVENTS['payer.members-merged.v1'].schema.safeParse(event.data);
  // Attribution owns the event and parks it when it is at fault.
  if (event.topic !== PAYER_EVENTS['payer.members-merged.v1'].topic || keyFault(event) !== undefined) return OTHER;
  if (!parsed.success || event.subject === undefined || event.subject === parsed.data.from) return OTHER;
  return { kind: 'merge', member: event.subject, retired: parsed.data.from };
}

function subjectFault(event: InboundEvent): Judgement | undefined {
  if (event.topic === PAYER_PROVIDER_EVENTS) return undefined;
  if (event.subject === undefined || event.subject === '') return park('missing-subject', 'subject must be the member id', event.type);
  if (event.subject === SHARED) return park('reserved-subject', `"${SHARED}" is no member id`, event.type);
  return FHIR_ID.test(event.subject) ? keyFault(event) : park('missing-subject', 'subject must be a FHIR id: letters, digits, - and ., at most 64', event.type);
}

/** Order holds within a key: what comes under another one is in another partition, and may be handled beside what came before it. */
function keyFault(event: InboundEvent): Judgement | undefined {
  return event.key === undefined || event.key === event.subject ? undefined : park('key-names-another-member', "the record's key must be the event's subject: order holds within a key", event.type);
}

function judgeDelete(event: InboundEvent, time: number): Judgement {
  const parsed = PAYER_EVENTS['payer.resource-deleted.v1'].schema.safeParse(event.data);
  if (!parsed.success) return park('invalid-data', parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.code}`).join('; '), event.type);
  const { resourceType: type, id, sequence = 0 } = parsed.data;
  const name = `${printable(type)}/${id}`;
  if (!KNOWN_R4_TYPES.has(type)) return park('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  if (!isServedType(type)) return { kind: 'not-served', about: name };
  // There is no provider-deleted event: a directory resource is deleted under whatever subject it is named by.
  const member = isSharedType(type) ? SHARED : event.subject!;
  return { kind: 'remove', about: { member, type, id, order: orderOf(event, time, sequence) }, reason: 'deleted' };
}

function judgeResource(event: InboundEvent, time: number, options: JudgeOptions): Judgement {
  const { data } = event;
  if (!isObject(data)) return park('invalid-data', 'data must be an object with resource', event.type);
  const { resource, sequence = 0 } = data;
  if (!isObject(resource)) return park('not-a-resource', 'data.resource must be a FHIR resource', event.type);
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 0) return park('invalid-data', 'sequence: a whole number, 0 or more', event.type);
  const type = resource['resourceType'];
  if (typeof type !== 'string' || type === '') return park('not-a-resource', 'resourceType is missing', event.type);
  const id = resource['id'];
  const name = `${printable(type)}/${typeof id === 'string' && FHIR_ID.test(id) ? id : '?'}`;
  if (!KNOWN_R4_TYPES.has(type)) return park('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  const issues = checkShape(resource);
  if (issues.length > 0) return park('invalid-resource', issues.map((i) => (i.path === '' ? i.message : `${i.path}: ${i.message}`)).join('; '), name);
  if (typeof id !== 'string') return park('missing-id', `${type}.id is missing`, name);
  const fhir = resource as FhirResource;
  const owner = ownerFault(event, fhir, name);
  if (owner !== undefined) return owner;
  if (!isServedType(type)) return { kind: 'not-served', about: name };
  const about: About = { member: event.topic === PAYER_PROVIDER_EVENTS ? SHARED : event.subject!, type, id, order: orderOf(event, time, sequence) };
  if (isEnteredInError(fhir)) return { kind: 'remove', about, reason: 'entered-in-error' };
  if (beforeFloor(fhir, options.floor)) return { kind: 'remove', about, reason: 'before-floor' };
  const { resource: kept, dropped } = redact(fhir);
  const date = serviceDate(kept);
  const objective = objectiveOf(fhir);
  const content = encodeContent(kept, id, referencesOf(kept), date);
  const removed = Object.keys(dropped).length > 0 ? { removed: dropped } : {};
  return { kind: 'accept', about, content, ...removed, ...(objective !== undefined && { objective }) };
}

/** Whose it is: the topic, the event's subject and the resource's own patient must agree. */
function ownerFault(event: InboundEvent, resource: FhirResource, name: string): Judgement | undefined {
  const type = resource.resourceType;
  if (event.topic === PAYER_PROVIDER_EVENTS) {
    // Medication and Device without a patient are nobody's: readable only through what refers to them.
    if (!isServedType(type)) return undefined;
    if (!isSharedType(type) && ownerOf(resource).kind !== 'none') return park('not-a-provider-type', 'this type belongs to a member: publish it as payer.resource-recorded.v1', name);
    // Whoever is approved may read it: nothing about a patient may come along.
    const carries = containedOf(resource).some((inner) => ['patient', 'unreadable'].includes(ownerOf(inner).kind)) || namesPatient(resource);
    return carries ? park('not-a-provider-type', 'a resource that belongs to no member must neither contain nor name a patient', name) : undefined;
  }
  if (isSharedType(type)) return park('not-a-member-type', 'this type belongs to no member: publish it as payer.provider-recorded.v1', name);
  if (event.type === 'payer.prior-authorization-changed.v1' && (type !== 'ExplanationOfBenefit' || resource['use'] !== 'preauthorization')) {
    return park('not-a-prior-authorization', 'a prior authorization is an ExplanationOfBenefit with use=preauthorization', name);
  }
  // What it contains leaves with it. A contained Patient has an id of the document's own, which names nobody.
  for (const inner of containedOf(resource)) {
    const within = ownerOf(inner);
    if (inner.resourceType !== 'Patient' && within.kind === 'patient' && within.id !== event.subject) return park('names-another-member', `the patient of a contained resource is not the event's subject`, name);
  }
  const owner = ownerOf(resource);
  switch (owner.kind) {
    case 'patient': return owner.id === event.subject ? undefined : park('names-another-member', `the patient of the resource is not the event's subject`, name);
    case 'unreadable': return isServedType(type) ? park('patient-unreadable', `${type}.${owner.element} must be a reference to Patient/<subject>`, name) : undefined;
    case 'targets': {
      const other = owner.targets.some((t) => (t.kind === 'relative' || t.kind === 'absolute') && t.type === 'Patient' && t.id !== event.subject);
      return other ? park('names-another-member', `${type}.target names a patient who is not the event's subject`, name) : undefined;
    }
    case 'none': return undefined;
  }
}

const containedOf = (resource: FhirResource): readonly FhirResource[] => (Array.isArray(resource['contained']) ? (resource['contained'] as FhirResource[]) : []);

/** Whether a literal reference at any depth leads to a Patient, here or elsewhere. */
function namesPatient(resource: FhirResource): boolean {
  const open: unknown[] = [resource];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const reference: unknown = (value as Record<string, unknown>)['reference'];
    const parsed = typeof reference === 'string' ? parseReference(reference) : undefined;
    if (parsed !== undefined && (parsed.kind === 'relative' || parsed.kind === 'absolute') && parsed.type === 'Patient') return true;
    for (const child of Object.values(value)) if (child !== undefined) open.push(child);
  }
  return false;
}

/** An entry that should never have been made is removed, not shown with a mark (SPEC §6.7). */
function isEnteredInError(resource: FhirResource): boolean {
  if (resource['status'] === 'entered-in-error') return true;
  const verification = resource['verificationStatus'];
  const codings: unknown = isObject(verification) ? verification['coding'] : undefined;
  return Array.isArray(codings) && codings.some((c) => isObject(c) && c['code'] === 'entered-in-error');
}

const orderOf = (event: InboundEvent, businessTime: number, sequence: number): Required<VersionOrder> => ({ businessTime, sequence, source: event.source, event: event.id });

/** Names that a sender chose are repeated only when they look like names. */
function printable(name: string): string {
  return /^[A-Za-z0-9._-]{1,80}$/.test(name) ? name : '(unprintable)';
}
