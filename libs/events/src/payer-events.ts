import { isObject } from '@provider-access/fhir';
import { z } from 'zod';
import { file, fileImported } from './file-events.ts';
import { listChanged } from './payer-list-events.ts';
import { id, instantOrDate, npi, shortText, tin } from './payer-values.ts';
import { NOTICE_KINDS } from './notice-kinds.ts';
import { isNpi } from './provider-key.ts';

/**
 * Inbound facts of a payer's systems (docs/architecture.md#what-each-service-owns): input, not truth. `subject` is the
 * member id or provider id.
 */

/**
 * One FHIR R4 resource as the payer has it, money included. It is passed on and not copied: a copy costs time and
 * loses keys such as `__proto__`, which the check of the resource has to see.
 */
const resource = z
  .unknown()
  .refine(isObject, 'must be a FHIR resource')
  .meta({ type: 'object' }) as unknown as z.ZodType<Record<string, unknown>>;
/** `sequence` breaks ties of business time. */
const resourceRecorded = z.object({ resource, sequence: z.int().nonnegative().optional() });
const resourceDeleted = z.object({
  resourceType: z.string().min(1).max(64),
  id,
  sequence: z.int().nonnegative().optional(),
  /** The name of a recall: the resource was wrong, so no file of an export and no history releases it (ADR 0117). */
  recall: z.string().min(1).max(128).optional(),
});
/** The prior authorization as an ExplanationOfBenefit with use=preauthorization. Same effect as resource-recorded. */
const priorAuthorizationChanged = resourceRecorded;
const enrolment = z.object({
  coverageId: id,
  from: instantOrDate,
  to: instantOrDate.optional(),
  plan: shortText.optional(),
  /** When the enrolment was accepted, such as by CMS. Notices are due by it (docs/notices.md). */
  accepted: instantOrDate.optional(),
  /** How the member wants to get notices. */
  notices: z
    .object({
      /** BCP 47, such as `es`. */
      language: z
        .string()
        .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'a language tag such as es or en-US')
        .max(35)
        .optional(),
      /** An accessible format, in the payer's words, such as `large print` or `braille`. */
      format: z.string().min(1).max(64).optional(),
    })
    .optional(),
});
const memberEnrolled = enrolment.extend({ file });
const memberChanged = enrolment.partial();
const memberTerminated = z.object({ coverageId: id.optional(), to: instantOrDate, file });
const noticeSent = z.object({
  kind: z.enum(NOTICE_KINDS),
  /** Name of the text, such as `member-notice`. */
  template: shortText.optional(),
  language: shortText,
  /** Such as `mail` or `portal`. */
  channel: shortText,
  at: instantOrDate,
  /** Where the proof lies, such as the number of a mailing. */
  proof: shortText.optional(),
});
/** A notice came back, so the member has not got it. */
const noticeReturned = z.object({
  /** `at` of the notice. */
  sent: instantOrDate,
  reason: shortText.optional(),
});
/** The subject is the id that stays; `from` is the id that is retired. */
const membersMerged = z.object({ from: id });
const provider = z
  .object({ npi: npi.optional(), tin: tin.optional(), contract: z.string().min(1).max(128).optional() })
  .refine((p) => p.npi !== undefined || p.tin !== undefined, 'npi or tin is required');
const attributionAsserted = z.object({
  provider,
  from: instantOrDate,
  to: instantOrDate.optional(),
  coverageId: id.optional(),
  basis: shortText.optional(),
  file,
});
const attributionEnded = z.object({ provider, to: instantOrDate, file });
/** PDex 2.2.0, CodeSystem opt-out-scope. */
export const OPT_OUT_SCOPES = [
  'global',
  'provider-specific',
  'purpose-specific',
  'payer-specific',
  'provider-category',
] as const;
const optOutScope = z.enum(OPT_OUT_SCOPES);
const setBy = z.enum(['member', 'personal-representative', 'payer']);
/** Longest list of an opt-out or opt-in. */
const MOST_NAMED = 100;
const optOutTargetList = z.array(z.looseObject({ npi: npi.optional(), tin: tin.optional() })).max(MOST_NAMED);
/** All scopes but provider-specific bar everybody. */
const memberOptedOut = z.object({
  scope: optOutScope.default('global'),
  /** Providers, for scope provider-specific. */
  targets: optOutTargetList.optional(),
  effectiveFrom: instantOrDate.optional(),
  setBy: setBy.default('member'),
  channel: shortText.optional(),
  reason: shortText.optional(),
});
const memberOptedIn = z.object({
  effectiveFrom: instantOrDate.optional(),
  setBy: setBy.default('member'),
  channel: shortText.optional(),
});
/** What shows that a personal representative may speak for the member. */
const proof = z.strictObject({
  /** Such as `power-of-attorney`. */
  kind: shortText,
  reference: shortText,
  verifiedBy: shortText,
  /** When the authority ends. The statement stays. */
  until: instantOrDate.optional(),
});
const names = z.array(shortText).max(MOST_NAMED).optional();
/** Of a decision that a person of the payer entered while the member called. */
const entered = {
  /** The version of the words that the person read out. */
  script: shortText.optional(),
  /** The person, as the audit names it. */
  enteredBy: shortText.optional(),
};
/**
 * Each scope has a list of its own. Attributes that nobody knows are let through, because they make the opt-out global
 * (PEOPLE.md N3).
 */
const memberOptedOut2 = z.looseObject({
  scope: optOutScope.default('global'),
  /** Providers, for scope provider-specific. */
  targets: optOutTargetList.optional(),
  /** Codes of v3-PurposeOfUse, for scope purpose-specific. */
  purposes: names,
  /** `system|value`, or Organizations, as in PAYER_IDENTIFIERS, for scope payer-specific. */
  payers: names,
  /** Codes of the NUCC taxonomy, for scope provider-category. */
  categories: names,
  effectiveFrom: instantOrDate.optional(),
  setBy: setBy.default('member'),
  channel: shortText.optional(),
  /** A code of PDex's CodeSystem opt-out-reason, or a text. */
  reason: shortText.optional(),
  proof: proof.optional(),
  ...entered,
  file,
});
/**
 * A source takes back what its full files said about one opt-out, which the scope and its list name as the file did. It
 * ends nothing that others said, and an attribute that nobody knows is a fault, because a withdrawal gives access.
 */
const optOutWithdrawn = z.strictObject({
  ...memberOptedOut2.pick({ scope: true, targets: true, purposes: true, payers: true, categories: true }).shape,
  file: file.unwrap(),
});
/** An attribute that nobody knows is a fault: an opt-in must not permit more than the member said. */
const memberOptedIn2 = z
  .strictObject({
    scope: z.enum(['global', 'provider-specific']).default('global'),
    /** Providers, for scope provider-specific: opt-outs that name no provider stay. */
    targets: z
      .array(
        z
          .strictObject({ npi: npi.optional(), tin: tin.optional() })
          .refine((target) => target.npi !== undefined || target.tin !== undefined, 'npi or tin is required')
          .refine((target) => target.npi === undefined || isNpi(target.npi), 'npi has a wrong check digit'),
      )
      .min(1)
      .max(MOST_NAMED)
      .optional(),
    effectiveFrom: instantOrDate.optional(),
    setBy: setBy.default('member'),
    channel: shortText.optional(),
    reason: shortText.optional(),
    proof: proof.optional(),
    ...entered,
  })
  .refine(({ scope, targets }) => (scope === 'provider-specific') === (targets !== undefined), {
    path: ['targets'],
    message: 'an opt-in of the scope provider-specific names its providers, and no other names any',
  })
  .refine(({ setBy: by, proof: shown }) => by !== 'personal-representative' || shown !== undefined, {
    path: ['proof'],
    message: 'an opt-in by a personal representative needs a proof',
  });
/** A type of the directory, or one without a patient (libs/fhir SHARED_TYPES); subject is NPI or organization id. */
const providerRecorded = resourceRecorded;
const networkStatusChanged = z
  .object({
    npi: npi.optional(),
    tin: tin.optional(),
    status: z.enum(['in-network', 'out-of-network']),
    from: instantOrDate,
    /** A full file does not list the provider any more: from then on its source says nothing of it. */
    absent: z.literal(true).optional(),
    file,
  })
  .refine((p) => p.npi !== undefined || p.tin !== undefined, 'npi or tin is required')
  .refine((p) => p.absent === undefined || (p.file !== undefined && p.status === 'out-of-network'), {
    path: ['absent'],
    message: 'only a full file lacks a provider, and the status is out-of-network then',
  });

/**
 * `owner`: the service that decides the outcome of the event, and makes a dead letter of a faulty one.
 *
 * `denies`: whom a dead letter of this type denies until somebody resolves it (docs/dead-letters.md).
 * - `member`: the event may have ended or restricted access, so it denies each member that it names, or the whole
 *   source (or everybody) if it names none. What states consent always does.
 * - `source`: it denies the providers that it names, or its whole source if it names none.
 * - `nobody`: it can only have given access. A Consent in it denies by its content (services/consent).
 */
type Decided =
  | { readonly owner: 'resources' | 'attribution'; readonly denies: 'member' | 'source' | 'nobody' }
  | { readonly owner: 'consent'; readonly denies: 'member' };
export type PayerEventDefinition = Decided & {
  readonly topic: 'payer.member-events' | 'payer.provider-events';
  /** Default: required. */
  readonly subject?: 'optional';
  readonly schema: z.ZodType;
  readonly title: string;
};

export const PAYER_EVENTS = {
  'payer.resource-recorded.v1': {
    topic: 'payer.member-events',
    owner: 'resources',
    denies: 'member',
    schema: resourceRecorded,
    title: 'A FHIR resource of the member was recorded or changed',
  },
  'payer.resource-deleted.v1': {
    topic: 'payer.member-events',
    owner: 'resources',
    denies: 'member',
    schema: resourceDeleted,
    title: 'A FHIR resource of the member was deleted',
  },
  'payer.prior-authorization-changed.v1': {
    topic: 'payer.member-events',
    owner: 'resources',
    denies: 'nobody',
    schema: priorAuthorizationChanged,
    title: 'A prior authorization changed',
  },
  'payer.member-enrolled.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: memberEnrolled,
    title: 'A coverage of the member started',
  },
  'payer.member-changed.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: memberChanged,
    title: 'A coverage of the member changed',
  },
  'payer.member-terminated.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: memberTerminated,
    title: 'The coverage of the member ended',
  },
  'payer.members-merged.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: membersMerged,
    title: 'Two member ids were found to be one person',
  },
  'payer.notice-sent.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'nobody',
    schema: noticeSent,
    title: 'A notice about Provider Access was sent to the member',
  },
  'payer.notice-returned.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: noticeReturned,
    title: 'A notice about Provider Access came back',
  },
  'payer.attribution-asserted.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'nobody',
    schema: attributionAsserted,
    title: 'The member was attributed to a provider',
  },
  'payer.attribution-ended.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: attributionEnded,
    title: 'An attribution ended',
  },
  'payer.member-opted-out.v1': {
    topic: 'payer.member-events',
    owner: 'consent',
    denies: 'member',
    schema: memberOptedOut,
    title: 'The member opted out of Provider Access',
  },
  'payer.member-opted-in.v1': {
    topic: 'payer.member-events',
    owner: 'consent',
    denies: 'member',
    schema: memberOptedIn,
    title: 'The member opted back in',
  },
  'payer.member-opted-out.v2': {
    topic: 'payer.member-events',
    owner: 'consent',
    denies: 'member',
    schema: memberOptedOut2,
    title: 'The member opted out of Provider Access, with the five scopes of PDex',
  },
  'payer.member-opted-in.v2': {
    topic: 'payer.member-events',
    owner: 'consent',
    denies: 'member',
    schema: memberOptedIn2,
    title: 'The member opted back in, for all or for some providers',
  },
  'payer.opt-out-withdrawn.v1': {
    topic: 'payer.member-events',
    owner: 'consent',
    denies: 'member',
    schema: optOutWithdrawn,
    title: 'A source of full files took back what it said about an opt-out',
  },
  'payer.provider-recorded.v1': {
    topic: 'payer.provider-events',
    owner: 'resources',
    denies: 'nobody',
    subject: 'optional',
    schema: providerRecorded,
    title: 'A provider, organization, role or location was recorded',
  },
  'payer.network-status-changed.v1': {
    topic: 'payer.provider-events',
    owner: 'attribution',
    denies: 'source',
    schema: networkStatusChanged,
    title: 'A provider joined or left the network',
  },
  'payer.list-changed.v1': {
    topic: 'payer.provider-events',
    owner: 'attribution',
    denies: 'nobody',
    schema: listChanged,
    title: 'What is known of a list of attributed members as a whole changed',
  },
  'payer.file-imported.v1': {
    topic: 'payer.provider-events',
    owner: 'attribution',
    denies: 'nobody',
    schema: fileImported,
    title: 'All rows of a full file were published',
  },
} as const satisfies Record<string, PayerEventDefinition>;
export type PayerEventType = keyof typeof PAYER_EVENTS;
/** The types of which a service decides the outcome. */
export type OwnedBy<Owner extends Decided['owner']> = {
  [T in PayerEventType]: (typeof PAYER_EVENTS)[T]['owner'] extends Owner ? T : never;
}[PayerEventType];
