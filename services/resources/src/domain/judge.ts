import type { Counts, DomainEvent, FaultReason, Objective, PayerEvent } from '@provider-access/events';
import {
  carriedReferencesOf,
  checkShape,
  type FhirResource,
  isObject,
  isServedType,
  isSharedType,
  KNOWN_R4_TYPES,
  ownerOf,
  isId,
} from '@provider-access/kernel/fhir';
import { beforeFloor, redact, serviceDate } from '@provider-access/domain/pdex';
import { objectiveOf } from '@provider-access/domain/pdex/service-levels';
import { SHARED, type VersionOrder } from '@provider-access/facts/records';
import { type AcceptedContent, encodeContent, sourceHashOf } from './content.ts';
import { conditionalsIn, type Inside, insideOf, isAboutAnother, patientIn } from './inside.ts';

type Valid<T extends PayerEvent['type']> = Extract<PayerEvent, { type: T }> & DomainEvent;
export interface JudgeOptions {
  /** ms since the epoch: what is ahead of it is ahead of the platform. */
  readonly now: number;
  /** FHIR date: care that was over before it is not kept. */
  readonly floor: string;
}

/** What a record is about, and the order of its version. */
interface About {
  readonly member: string;
  readonly type: string;
  readonly id: string;
  readonly order: Required<VersionOrder>;
}
export type Judgement =
  | { readonly kind: 'dead-letter'; readonly reason: FaultReason; readonly detail: string; readonly about?: string }
  | { readonly kind: 'not-served'; readonly about: string }
  /** The newest version is not kept, and removes what an older one left. */
  | { readonly kind: 'remove'; readonly about: About; readonly reason: 'deleted' | 'entered-in-error' | 'before-floor' }
  /**
   * `removed`: what redaction removed, by path; absent where it removed nothing.
   * `unresolved`: conditional references that it has, by path; absent where it has none.
   * `targets`: `Type/id` of what a Provenance is about; they must not be another member's.
   * `objective`: the service level that its visibility is measured by.
   */
  | {
      readonly kind: 'accept';
      readonly about: About;
      readonly content: AcceptedContent;
      readonly removed?: Counts;
      readonly unresolved?: Counts;
      readonly targets?: readonly string[];
      readonly objective?: Objective;
    }
  /** `retired` is now the same person as `member`: its records may be taken over. */
  | { readonly kind: 'merge'; readonly member: string; readonly retired: string }
  /** Another service decides about it. */
  | { readonly kind: 'other' };

const OTHER: Judgement = { kind: 'other' };
const PROVIDER_RECORDED = 'payer.provider-recorded.v1';
type Recorded = Valid<'payer.resource-recorded.v1' | 'payer.prior-authorization-changed.v1' | typeof PROVIDER_RECORDED>;
const deadLetter = (reason: FaultReason, detail: string, about?: string): Judgement => ({
  kind: 'dead-letter',
  reason,
  detail,
  ...(about !== undefined && { about }),
});

/**
 * Judges one valid event by itself, without state, clock or I/O. Each fault has a reason of a closed set; details name
 * elements and rules, never values.
 */
export function judge(event: PayerEvent & DomainEvent, options: JudgeOptions): Judgement {
  switch (event.type) {
    case 'payer.members-merged.v1': {
      const { from } = event.data;
      // Attribution makes a dead letter of a merge of a member with itself.
      return from === event.subject ? OTHER : { kind: 'merge', member: event.subject!, retired: from };
    }
    case 'payer.resource-deleted.v1':
      return judgeDelete(event);
    case 'payer.resource-recorded.v1':
    case 'payer.prior-authorization-changed.v1':
    case PROVIDER_RECORDED:
      return judgeResource(event, options);
    default:
      return OTHER;
  }
}

function judgeDelete(event: Valid<'payer.resource-deleted.v1'>): Judgement {
  const { resourceType: type, id, sequence = 0 } = event.data;
  const name = `${printable(type)}/${id}`;
  if (!KNOWN_R4_TYPES.has(type))
    return deadLetter('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  if (!isServedType(type)) return { kind: 'not-served', about: name };
  // There is no provider-deleted event: a directory resource is deleted under whatever subject it is named by.
  const member = isSharedType(type) ? SHARED : event.subject!;
  return { kind: 'remove', about: { member, type, id, order: orderOf(event, sequence) }, reason: 'deleted' };
}

function judgeResource(event: Recorded, options: JudgeOptions): Judgement {
  const { resource, sequence = 0 } = event.data;
  const type = resource['resourceType'];
  if (typeof type !== 'string' || type === '')
    return deadLetter('not-a-resource', 'resourceType is missing', event.type);
  const id = resource['id'];
  const name = `${printable(type)}/${isId(id) ? id : '?'}`;
  if (!KNOWN_R4_TYPES.has(type))
    return deadLetter('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  const issues = checkShape(resource);
  if (issues.length > 0)
    return deadLetter(
      'invalid-resource',
      issues.map((i) => (i.path === '' ? i.message : `${i.path}: ${i.message}`)).join('; '),
      name,
    );
  if (typeof id !== 'string') return deadLetter('missing-id', `${type}.id is missing`, name);
  const fhir = resource as FhirResource;
  const inside = insideOf(fhir);
  const owner = ownerFault(event, fhir, inside, name);
  if (owner !== undefined) return owner;
  if (!isServedType(type)) return { kind: 'not-served', about: name };
  const about: About = {
    member: event.type === PROVIDER_RECORDED ? SHARED : event.subject!,
    type,
    id,
    order: orderOf(event, sequence),
  };
  if (isEnteredInError(fhir)) return { kind: 'remove', about, reason: 'entered-in-error' };
  if (beforeFloor(fhir, options.floor)) return { kind: 'remove', about, reason: 'before-floor' };
  // A resource that would not be kept by itself is not kept inside another one.
  const { resource: kept, dropped } = redact(
    fhir,
    (inner) => !beforeFloor(inner, options.floor) && !isEnteredInError(inner),
  );
  const date = serviceDate(kept);
  const objective = objectiveOf(fhir);
  const content = encodeContent(kept, id, carriedReferencesOf(kept), date, sourceHashOf(fhir));
  const removed = Object.keys(dropped).length > 0 ? { removed: dropped } : {};
  const conditionals = conditionalsIn(inside);
  const unresolved = Object.keys(conditionals).length > 0 ? { unresolved: conditionals } : {};
  const targets = targetsOf(kept);
  return {
    kind: 'accept',
    about,
    content,
    ...removed,
    ...unresolved,
    ...(targets.length > 0 && { targets }),
    ...(objective !== undefined && { objective }),
  };
}

/** Decides whose the resource is: the topic, the subject of the event and the patient of the resource must agree. */
function ownerFault(event: Recorded, resource: FhirResource, inside: Inside, name: string): Judgement | undefined {
  const type = resource.resourceType;
  if (event.type === PROVIDER_RECORDED) {
    // A Medication or Device without a patient belongs to nobody. It can be read only through a resource that refers to
    // it.
    if (!isServedType(type)) return undefined;
    if (!isSharedType(type) && ownerOf(resource).kind !== 'none')
      return deadLetter(
        'not-a-provider-type',
        'this type belongs to a member: publish it as payer.resource-recorded.v1',
        name,
      );
    // Every approved client may read it, so it must hold nothing about a patient.
    const carries = patientIn(inside);
    return carries === undefined
      ? undefined
      : deadLetter(
          'not-a-provider-type',
          `a resource that belongs to no member must neither contain nor name a patient: ${carries}`,
          name,
        );
  }
  if (isSharedType(type))
    return deadLetter(
      'not-a-member-type',
      'this type belongs to no member: publish it as payer.provider-recorded.v1',
      name,
    );
  if (
    event.type === 'payer.prior-authorization-changed.v1' &&
    (type !== 'ExplanationOfBenefit' || resource['use'] !== 'preauthorization')
  ) {
    return deadLetter(
      'not-a-prior-authorization',
      'a prior authorization is an ExplanationOfBenefit with use=preauthorization',
      name,
    );
  }
  // Contained resources are released together with it.
  if (isAboutAnother(inside, event.subject!))
    return deadLetter(
      'names-another-member',
      `a resource inside it is about a patient who is not the event's subject`,
      name,
    );
  // If several members have the same Medication, a member may be given the copy of another one.
  const carries = type === 'Medication' ? patientIn(inside) : undefined;
  if (carries !== undefined)
    return deadLetter(
      'names-another-member',
      `a Medication may be that of several members and must not carry a patient: ${carries}`,
      name,
    );
  const owner = ownerOf(resource);
  switch (owner.kind) {
    case 'patient':
      return owner.id === event.subject
        ? undefined
        : deadLetter('names-another-member', `the patient of the resource is not the event's subject`, name);
    case 'unreadable':
      return isServedType(type)
        ? deadLetter('patient-unreadable', `${type}.${owner.element} must be a reference to Patient/<subject>`, name)
        : undefined;
    case 'targets': {
      const other = owner.targets.some(
        (t) => (t.kind === 'relative' || t.kind === 'absolute') && t.type === 'Patient' && t.id !== event.subject,
      );
      return other
        ? deadLetter('names-another-member', `${type}.target names a patient who is not the event's subject`, name)
        : undefined;
    }
    case 'none':
      return undefined;
  }
}

/** What a Provenance is about, as `Type/id`; its Patients are compared with the subject already. */
function targetsOf(resource: FhirResource): string[] {
  const owner = ownerOf(resource);
  if (owner.kind !== 'targets') return [];
  return [
    ...new Set(
      owner.targets.flatMap((t) =>
        (t.kind === 'relative' || t.kind === 'absolute') && t.type !== 'Patient' ? [`${t.type}/${t.id}`] : [],
      ),
    ),
  ];
}

/**
 * An entry that should never have been made is removed, not shown with a mark (docs/regulation.md#files-of-an-export).
 */
function isEnteredInError(resource: FhirResource): boolean {
  if (resource['status'] === 'entered-in-error') return true;
  const verification = resource['verificationStatus'];
  const codings: unknown = isObject(verification) ? verification['coding'] : undefined;
  return Array.isArray(codings) && codings.some((c) => isObject(c) && c['code'] === 'entered-in-error');
}

const orderOf = ({ time, source, id }: DomainEvent, sequence: number): Required<VersionOrder> => ({
  businessTime: Date.parse(time),
  sequence,
  source,
  event: id,
});

/** Names that a sender chose are repeated only when they look like names. */
export function printable(name: string): string {
  return /^[A-Za-z0-9._-]{1,80}$/.test(name) ? name : '(unprintable)';
}
