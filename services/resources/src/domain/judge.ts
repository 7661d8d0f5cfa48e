import {
  addCounts,
  type Counts,
  type DomainEvent,
  type EventFault,
  type FaultReason,
  type Objective,
  type OwnedBy,
  type PayerEvent,
} from '@provider-access/events';
import {
  carriedReferencesOf,
  dateRange,
  type FhirResource,
  isObject,
  isServedType,
  isSharedType,
  KNOWN_R4_TYPES,
  ownerOf,
  type ShapeIssue,
  isId,
} from '@provider-access/fhir';
import { beforeFloor, patientOfConsent, serviceDate } from '@provider-access/domain/pdex';
import {
  checkProfiles,
  type ProfileCheck,
  type ProfilePolicy,
  shortcomingName,
} from '@provider-access/domain/pdex/feeds';
import { codeListsInForce, labelsOf, type Persons, RECALLED, withoutDrugs } from '@provider-access/domain/pdex/labels';
import { objectiveOf } from '@provider-access/domain/pdex/service-levels';
import { SHARED, type VersionOrder } from '@provider-access/records';
import { type MovedAttachment, moveAttachments, type Moving } from './attachments.ts';
import { type AcceptedContent, areTooMany, encodeContent } from './content.ts';
import { tagsOfRemoved, withoutTagged } from './cut-content.ts';
import { enteredInErrorContent } from './entered-in-error.ts';
import {
  attachmentsIn,
  conditionalsIn,
  type Inside,
  isAboutAnother,
  NOTHING_INSIDE,
  type OwnUrl,
  patientIn,
  personsIn,
} from './inside.ts';
import type { DataText } from './sent-text.ts';
import { readInOneWalk, type ResourceReader } from './read-resource.ts';

type Valid<T extends PayerEvent['type']> = Extract<PayerEvent, { type: T }> & DomainEvent;
export interface JudgeOptions {
  /** ms since the epoch. An event with a later time is ahead of the platform's clock. */
  readonly now: number;
  /** FHIR date. Care that ended before this day is not kept. */
  readonly floor: string;
  /** Base of the URL of our extension. Without it, the payer's own `meta.lastUpdated` is not kept. */
  readonly publicUrl?: string | undefined;
  /** Bytes: larger attachments are moved to the file store. Without it, and without `publicUrl`, none is moved. */
  readonly attachmentsAbove?: number | undefined;
  /** What happens to a resource that lacks what a declared profile asks for. Default: the profile is unmarked. */
  readonly profiles?: ProfilePolicy | undefined;
  /** Whether prior authorizations lose their drugs. */
  readonly excludesDrugs?: boolean | undefined;
  /** Whether an event of another source than the sandbox's synthetic payer is a fault. */
  readonly sandbox?: boolean | undefined;
}

/** An event as it was received. */
export interface Received {
  /** Size of the event: a small one has no large attachment. Default: it may have one. */
  readonly bytes?: number;
  /** The text of the event's data, which saves writing the resource again. */
  readonly data?: DataText | undefined;
}

/** The resource of an event, its member, and the order of its version. */
interface About {
  readonly member: string;
  readonly type: string;
  readonly id: string;
  readonly order: Required<VersionOrder>;
}
/** What was checked of a resource of a payer's source. */
export interface CheckedResource {
  readonly source: string;
  readonly type: string;
  readonly checks: readonly ProfileCheck[];
}
export type Judgement =
  | {
      readonly kind: 'dead-letter';
      readonly reason: FaultReason;
      readonly detail: string;
      readonly about?: string;
      /** Present if the policy of profiles refuses the resource. */
      readonly checked?: CheckedResource;
    }
  | { readonly kind: 'not-served'; readonly about: string }
  /**
   * The version is not kept. It removes the record of an older version. `content`: what a read still answers of a prior
   * authorization that was entered in error. `labels`: those of the version, which withhold its removal too.
   */
  | {
      readonly kind: 'remove';
      readonly about: About;
      readonly reason: 'deleted' | 'entered-in-error' | 'before-floor';
      readonly labels?: readonly string[];
      readonly content?: AcceptedContent;
    }
  /**
   * `removed`: number of elements that redaction removed, by path, and of drugs; absent if there are none.
   * `unresolved`: number of conditional references, of attachments whose URL leads nowhere, and of authorized products
   * without a code, by path; absent if there are none.
   * `own`: attachments whose URL is one of ours; absent if there are none.
   * `targets`: `Type/id` of the targets of a Provenance, which must not belong to another member.
   * `persons`: those inside the resource, who must not be other members; absent if there are none.
   * `checked`: what the resource lacks of the profiles that it declares after redaction.
   * `objective`: the service level that measures when the resource becomes visible.
   * `attachments`: content that must be in the file store before the record is in the log; absent without any.
   */
  | {
      readonly kind: 'accept';
      readonly about: About;
      readonly content: AcceptedContent;
      readonly removed?: Counts;
      readonly unresolved?: Counts;
      readonly own?: readonly OwnUrl[];
      readonly targets?: readonly string[];
      readonly persons?: Persons;
      readonly checked: CheckedResource;
      readonly objective?: Objective;
      readonly attachments?: readonly MovedAttachment[];
    }
  /** The payer merged the id `retired` into `member`, which may take over its records. */
  | { readonly kind: 'merge'; readonly member: string; readonly retired: string }
  /** Another service decides about the event. */
  | { readonly kind: 'other' };

/**
 * No client can read a Consent. It is kept, because it may permit the release of resources with a security label
 * (ADR 0043). What it denies is decided by the consent service.
 */
const CONSENT = 'Consent';
const isConsentOf = (event: Recorded, resource: FhirResource): boolean =>
  event.type === 'payer.resource-recorded.v1' &&
  resource.resourceType === CONSENT &&
  patientOfConsent(resource) === event.subject;

type Removal = Extract<Judgement, { kind: 'remove' }>;
const OTHER: Judgement = { kind: 'other' };
/** A new type of this service does not compile until it has a case. */
const decidedElsewhere = (_type: Exclude<PayerEvent['type'], OwnedBy<'resources'>>): Judgement => OTHER;
const PROVIDER_RECORDED = 'payer.provider-recorded.v1';
type Recorded = Valid<'payer.resource-recorded.v1' | 'payer.prior-authorization-changed.v1' | typeof PROVIDER_RECORDED>;
const deadLetter = (reason: FaultReason, detail: string, about: string) =>
  ({ kind: 'dead-letter', reason, detail, about }) as const;

/**
 * Judges a valid event alone, without state, clock or I/O. A fault has a reason of a closed set. Its detail names
 * elements and rules, never values.
 */
export function judge(
  event: PayerEvent & DomainEvent,
  options: JudgeOptions,
  received: Received = {},
  read: ResourceReader = readInOneWalk,
): Judgement {
  switch (event.type) {
    case 'payer.members-merged.v1': {
      const { from } = event.data;
      // The attribution service writes the dead letter if a member is merged with itself.
      return from === event.subject ? OTHER : { kind: 'merge', member: event.subject!, retired: from };
    }
    case 'payer.resource-deleted.v1':
      return judgeDelete(event);
    case 'payer.resource-recorded.v1':
    case 'payer.prior-authorization-changed.v1':
    case PROVIDER_RECORDED:
      return judgeResource(event, options, received, read);
    default:
      return decidedElsewhere(event.type);
  }
}

function judgeDelete(event: Valid<'payer.resource-deleted.v1'>): Judgement {
  const { resourceType: type, id, sequence = 0, recall } = event.data;
  const name = `${printable(type)}/${id}`;
  if (!KNOWN_R4_TYPES.has(type))
    return deadLetter('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  if (!isServedType(type) && type !== CONSENT) return { kind: 'not-served', about: name };
  // There is no provider-deleted event, so a directory resource may be deleted under any subject.
  const member = isSharedType(type) ? SHARED : event.subject!;
  const about = { member, type, id, order: orderOf(event, sequence) };
  // As entered in error, so that no earlier version is released either.
  if (recall !== undefined) return { kind: 'remove', about, reason: 'entered-in-error', labels: [RECALLED] };
  return { kind: 'remove', about, reason: 'deleted' };
}

function judgeResource(event: Recorded, options: JudgeOptions, received: Received, read: ResourceReader): Judgement {
  const { resource, sequence = 0 } = event.data;
  const type = resource['resourceType'];
  if (typeof type !== 'string' || type === '')
    return deadLetter('not-a-resource', 'resourceType is missing', event.type);
  const id = resource['id'];
  const name = `${printable(type)}/${isId(id) ? id : '?'}`;
  if (!KNOWN_R4_TYPES.has(type))
    return deadLetter('unknown-resource-type', 'resourceType is not an R4 resource type', name);
  const fhir = resource as FhirResource;
  const { floor, publicUrl } = options;
  const reading = read(fhir, {
    base: publicUrl && `${publicUrl}/fhir`,
    // Remove inner resources that would not be kept as resources of their own.
    keeps: (inner) => !beforeFloor(inner, floor) && !isEnteredInError(inner),
    isShared: event.type === PROVIDER_RECORDED || type === 'Medication',
    isPlain: received.data?.isPlain,
  });
  const { issues, codes, written } = reading;
  if (issues.length > 0) return deadLetter('invalid-resource', issuesText(issues), name);
  if (typeof id !== 'string') return deadLetter('missing-id', `${type}.id is missing`, name);
  const inside = reading.inside();
  const owner = ownerFault(event, fhir, inside);
  if (owner !== undefined) return { kind: 'dead-letter', ...owner, about: name };
  if (!isServedType(type) && !isConsentOf(event, fhir)) return { kind: 'not-served', about: name };
  const about: About = {
    member: event.type === PROVIDER_RECORDED ? SHARED : event.subject!,
    type,
    id,
    order: orderOf(event, sequence),
  };
  if (isEnteredInError(fhir)) {
    const content = beforeFloor(fhir, floor) ? undefined : enteredInErrorContent(fhir, id);
    return { ...removal(fhir, about, 'entered-in-error'), ...(content !== undefined && { content }) };
  }
  if (beforeFloor(fhir, floor)) return removal(fhir, about, 'before-floor');
  if (codes.length > 0 && !mayWithhold(fhir)) return deadLetter('invalid-resource', issuesText(codes), name);
  const { resource: redacted, dropped, references: found } = reading.redacted();
  const drugs = options.excludesDrugs === true ? withoutDrugs(redacted) : undefined;
  const { resource: marked, checks, refused } = checkProfiles(drugs?.resource ?? redacted, options.profiles ?? {});
  const checked: CheckedResource = { source: event.source, type, checks };
  if (refused.length > 0 && !mayWithhold(fhir))
    return { ...deadLetter('profile-not-met', lacksText(refused), name), checked };
  const moving = movedFrom(marked, about, options, received.bytes);
  if (!moving.ok) return deadLetter('invalid-resource', `${moving.path}: is not base64`, name);
  const { resource: kept, moved: attachments } = moving;
  const objective = objectiveOf(fhir);
  // The policy of profiles changes `meta.profile` alone, which has no references.
  const isSame = (drugs === undefined || drugs.resource === redacted) && attachments.length === 0;
  const references = (isSame ? found : undefined) ?? carriedReferencesOf(kept, publicUrl && `${publicUrl}/fhir`);
  const persons = personsIn(inside, about.member);
  const tags = reading.tags();
  const text = written && received.data?.resource(written);
  const sent = { resource: fhir, text, tags, mayBeLabelled: reading.mayBeLabelled };
  const whole = encodeContent(kept, id, references, serviceDate(kept), sent, publicUrl, persons);
  const content = tags.length === 0 ? whole : withoutTagged(kept, whole, sent, { publicUrl, persons });
  const accepted: Accepted = { kind: 'accept', about, content, checked };
  const removed = drugs === undefined ? dropped : { ...dropped, ...drugs.removed };
  if (hasNames(removed)) accepted.removed = removed;
  if (inside !== NOTHING_INSIDE || drugs !== undefined) {
    const { lost, own } = attachmentsIn(inside, publicUrl);
    const nowhere = { ...conditionalsIn(inside) };
    addCounts(nowhere, lost);
    addCounts(nowhere, drugs?.unknown ?? {});
    if (hasNames(nowhere)) accepted.unresolved = nowhere;
    if (own.length > 0) accepted.own = own;
  }
  // Patients were compared with the subject before.
  const targets = content.targets?.filter((target) => !target.startsWith('Patient/')) ?? [];
  if (targets.length > 0) accepted.targets = targets;
  if (persons.ids.length + persons.identifiers.length > 0 && !areTooMany(persons)) accepted.persons = persons;
  if (objective !== undefined) accepted.objective = objective;
  if (attachments.length > 0) accepted.attachments = attachments;
  return accepted;
}

type AcceptJudgement = Extract<Judgement, { kind: 'accept' }>;
type Accepted = { -readonly [Name in keyof AcceptJudgement]: AcceptJudgement[Name] };
function hasNames(counts: Counts): boolean {
  for (const _name in counts) return true;
  return false;
}

function removal(resource: FhirResource, about: About, reason: 'entered-in-error' | 'before-floor'): Removal {
  // A mixed prior authorization was served without its drugs, so its removal is no secret.
  const { resource: rest } = withoutDrugs(resource);
  const labels = [...labelsOf(rest), ...tagsOfRemoved(rest)];
  return { kind: 'remove', about, reason, ...(labels.length > 0 && { labels }) };
}

const issuesText = (issues: readonly ShapeIssue[]): string =>
  issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');

/** Moves large attachments of a served resource. A shared Medication or Device keeps what it contains inline. */
function movedFrom(
  resource: FhirResource,
  about: About,
  { attachmentsAbove: above, publicUrl }: JudgeOptions,
  bytes = Infinity,
): Moving {
  const readable = isServedType(about.type) && (about.member !== SHARED || isSharedType(about.type));
  if (above === undefined || publicUrl === undefined || bytes <= above || !readable)
    return { ok: true, resource, moved: [] };
  return moveAttachments(resource, { about, above, publicUrl });
}

/** Checks the owner: the topic, the subject of the event and the patient of the resource must agree. */
function ownerFault(event: Recorded, resource: FhirResource, inside: Inside): EventFault | undefined {
  const type = resource.resourceType;
  if (event.type === PROVIDER_RECORDED) {
    // A Medication or Device without a patient belongs to no member.
    if (!isServedType(type)) return undefined;
    if (!isSharedType(type) && ownerOf(resource).kind !== 'none')
      return fault('not-a-provider-type', 'this type belongs to a member: publish it as payer.resource-recorded.v1');
    // Every approved client may read a shared resource, so it must not contain data of a patient.
    const carries = patientIn(inside);
    const rule = 'a resource that belongs to no member must neither contain nor name a patient';
    return carries === undefined ? undefined : fault('not-a-provider-type', `${rule}: ${carries}`);
  }
  if (isSharedType(type))
    return fault('not-a-member-type', 'this type belongs to no member: publish it as payer.provider-recorded.v1');
  const isAuthorization = type === 'ExplanationOfBenefit' && resource['use'] === 'preauthorization';
  if (event.type === 'payer.prior-authorization-changed.v1' && !isAuthorization) {
    const rule = 'a prior authorization is an ExplanationOfBenefit with use=preauthorization';
    return fault('not-a-prior-authorization', rule);
  }
  // A release of the resource includes its inner resources.
  if (isAboutAnother(inside, event.subject!))
    return fault('names-another-member', `a resource inside it is about a patient who is not the event's subject`);
  // Several members may have the same Medication, so a client may receive the copy of another member.
  const carries = type === 'Medication' ? patientIn(inside) : undefined;
  if (carries !== undefined) {
    const rule = 'several members may share a Medication, so it must not name a patient';
    return fault('names-another-member', `${rule}: ${carries}`);
  }
  const owner = ownerOf(resource);
  switch (owner.kind) {
    case 'patient':
      return owner.id === event.subject
        ? undefined
        : fault('names-another-member', `the patient of the resource is not the event's subject`);
    case 'unreadable':
      return isServedType(type)
        ? fault('patient-unreadable', `${type}.${owner.element} must be a reference to Patient/<subject>`)
        : undefined;
    case 'targets': {
      const other = owner.targets.some((t) => t.kind === 'literal' && t.type === 'Patient' && t.id !== event.subject);
      return other
        ? fault('names-another-member', `${type}.target names a patient who is not the event's subject`)
        : undefined;
    }
    case 'none':
      return undefined;
  }
}
const fault = (reason: FaultReason, detail: string): EventFault => ({ reason, detail });

/**
 * Whether the resource may withhold data: it has a security label or a code of a list, or is a Consent. Neither the
 * policy of profiles nor a wrong code refuses such a resource. Otherwise the older version would stay in force, and
 * clients could go on reading what it released.
 */
const mayWithhold = (resource: FhirResource): boolean =>
  resource.resourceType === CONSENT ||
  labelsOf(resource).length > 0 ||
  codeListsInForce().tagger.search(resource).length > 0;

/** More would not help to correct an event. */
const MAX_NAMED = 10;
function lacksText(refused: readonly ProfileCheck[]): string {
  const names = refused.flatMap((check) => check.lacks.map((lack) => shortcomingName(check, lack)));
  const more = names.length > MAX_NAMED ? `; ${names.length - MAX_NAMED} more` : '';
  return names.slice(0, MAX_NAMED).join('; ') + more;
}

/**
 * A resource that was entered in error is removed, and not shown with its status
 * (docs/regulation.md#files-of-an-export).
 */
export function isEnteredInError(resource: FhirResource): boolean {
  if (resource['status'] === 'entered-in-error') return true;
  const verification = resource['verificationStatus'];
  const codings: unknown = isObject(verification) ? verification['coding'] : undefined;
  return Array.isArray(codings) && codings.some((c) => isObject(c) && c['code'] === 'entered-in-error');
}

const orderOf = ({ time, source, id }: DomainEvent, sequence: number): Required<VersionOrder> => ({
  // A valid event has an instant that exists. Date.parse takes several times as long.
  businessTime: dateRange(time)?.start ?? Date.parse(time),
  sequence,
  source,
  event: id,
});

/** Answers repeat a name that a sender chose only if it has a harmless form. */
export function printable(name: string): string {
  return /^[A-Za-z0-9._-]{1,80}$/.test(name) ? name : '(unprintable)';
}
