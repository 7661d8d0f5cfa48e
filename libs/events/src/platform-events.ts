import { z } from 'zod';
import { AUDIT_EVENTS } from './audit-events.ts';
import { binding, bindingChanged } from './binding-events.ts';
import { CONSENT_EVENTS } from './consent-events.ts';
import { FEED_EVENTS } from './feed-events.ts';
import { linesSet } from './line-events.ts';
import { LIST_EVENTS } from './list-events.ts';
import { MATCH_EVENTS } from './match-events.ts';
import { NOTICE_EVENTS } from './notice-events.ts';
import { recordAccepted, recordDeleted, recordSuperseded, tie } from './record-events.ts';
import { file, instant, providerKey } from './shared-schemas.ts';

/**
 * Our own events (the truth: docs/architecture.md#what-each-service-owns): views are built from these alone. Times are
 * RFC 3339 instants.
 */

/** pa.members */
const coverageChanged = z.object({
  /** `*` with `cancelled`: every coverage of the member. */
  member: z.string(),
  coverageId: z.string(),
  from: instant,
  to: instant.optional(),
  businessTime: instant,
  sequence: z.int(),
  /** No coverage from `from` on. */
  cancelled: z.boolean().optional(),
  /** The day on which the enrolment was accepted, in the payer's calendar: `2026-12-10`. */
  accepted: z.string().optional(),
  /** How the member wants to get notices. */
  notices: z.object({ language: z.string().optional(), format: z.string().optional() }).optional(),
  /** Says the whole coverage (a Coverage resource does): nothing before `from` either. */
  replaces: z.boolean().optional(),
  /**
   * The plan of the coverage, by which a table of lines finds its line of business: from `from` on, or of the whole
   * coverage with `cancelled` or `replaces`. Without it the statement says nothing about the plan.
   */
  plan: z.string().optional(),
  /**
   * `businessTime` is later than the event states, because other events about the coverage have its time (ADR 0022).
   */
  tie: tie.optional(),
  file: file.optional(),
});
const memberMerged = z.object({ member: z.string(), retired: z.string(), businessTime: instant });
/** pa.attribution */
const memberAttributed = z.object({
  member: z.string(),
  group: z.string(),
  providers: z.array(providerKey).min(1),
  contract: z.string().optional(),
  from: instant,
  to: instant.optional(),
  coverageId: z.string().optional(),
  basis: z.string().optional(),
  businessTime: instant,
  tie: tie.optional(),
  file: file.optional(),
});
/**
 * Ends every attribution of the member to a Group with all of these providers (and this contract, where given),
 * whenever it was asserted.
 */
const attributionEndedRecord = z.object({
  member: z.string(),
  providers: z.array(providerKey).min(1),
  contract: z.string().optional(),
  to: instant,
  businessTime: instant,
  tie: tie.optional(),
  file: file.optional(),
});

/**
 * pa.file-rows: what the newest full file of a source says under one key, as the payer wrote it. `row` is null if the
 * newest file does not have the row.
 */
const fileRowRecorded = file.extend({
  kind: z.string(),
  /** The member. */
  subject: z.string(),
  /** What names the row beside its subject: the provider, or the coverage. */
  key: z.string(),
  row: z.record(z.string(), z.unknown()).nullable(),
  businessTime: instant,
});
/** pa.file-rows: an import is complete. */
const fileImported = file.extend({
  kind: z.string(),
  digest: z.string(),
  rows: z.int(),
  undoes: z.string().optional(),
  businessTime: instant,
});

/**
 * A dead letter about consent, coverage or the end of an attribution denies its member until it is resolved. `member`
 * is absent if none could be read: then the whole source is denied. The event is in pa.consent or pa.attribution,
 * depending on the service that made the dead letter. A dead letter about a network status denies its providers in the
 * same way (`providers`, in pa.providers).
 */
const accessReleased = z.object({
  member: z.string().optional(),
  providers: z.array(providerKey).min(1).optional(),
  source: z.string(),
  deadLetter: z.string(),
});
const accessHeld = accessReleased.extend({ eventType: z.string() });

/** pa.providers: key is the provider key. */
const networkStatusRecorded = z.object({
  provider: providerKey,
  status: z.enum(['in-network', 'out-of-network']),
  from: instant,
  businessTime: instant,
  /** Other identifiers of the same provider, as the payer's event names them. */
  with: z.array(providerKey).optional(),
  tie: tie.optional(),
  file: file.optional(),
  /** What names the row of the file. One provider may stand in several rows, such as a TIN with each of its NPIs. */
  row: z.string().optional(),
  /** The file does not have the row any more, so only what the row said has ended. */
  absent: z.literal(true).optional(),
});

/**
 * pa.directory: key is the entry. What a resource of the payer's directory says about specialties, and whether it is
 * active. A role names parties
 * (`of`: `Practitioner/id`, or `providers`), and a party has identifiers.
 */
const directoryEntryRecorded = z.object({
  /** `PractitionerRole/id`, `Practitioner/id` or `Organization/id`. */
  entry: z.string(),
  businessTime: instant,
  providers: z.array(providerKey),
  of: z.array(z.string()).optional(),
  /** Of a role: codes of the NUCC taxonomy. */
  specialties: z.array(z.string()).optional(),
  /** Of a party that is not active. */
  active: z.literal(false).optional(),
});

/** pa.groups. Minted once; never changes, never returns. */
const groupOpened = z.object({
  group: z.string(),
  providers: z.array(providerKey).min(1),
  contract: z.string().optional(),
  openedAt: instant,
});

/** pa.registry */
const keySet = z.object({
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
  jwksUri: z.string().optional(),
});
const appRegistered = z.object({
  client: z.string(),
  name: z.string(),
  ...keySet.shape,
  scope: z.string(),
  contacts: z.array(z.string()),
  npis: z.array(z.string()),
  tins: z.array(z.string()),
  /**
   * Further metadata as the app registered them, by their names in RFC 7591 (docs/adr/0132-registration.md). With
   * rendering NPIs, `npis` has those too, and `metadata.npi` has those of the organization.
   */
  metadata: z.record(z.string(), z.unknown()).optional(),
  registrationTokenHash: z.string(),
  registeredAt: instant,
  /**
   * In a record after the approval, by which the app changed its keys: the key sets from before that auth still
   * accepts, and until when. The record has its own stream (`client-keys/<id>`), so that a release which does not know
   * the attribute keeps the keys of the first record (docs/client-keys.md).
   */
  formerKeys: z.array(keySet.extend({ until: instant })).optional(),
  /**
   * In such a record: when the app changed more than its keys. It then has the whole registration. A release that does
   * not know the attribute takes the keys alone (docs/adr/0136-changes-by-the-app.md).
   */
  updatedAt: instant.optional(),
});
const appApproved = z.object({
  client: z.string(),
  /** What the app is bound to from this event on, without bindings that have an end. An earlier release reads this. */
  providers: z.array(providerKey),
  /** The intervals that begin or end. Without them, `providers` begin at this event and others end. */
  bindings: z.array(binding).optional(),
  /** The decision ended the binding to this provider and changed nothing else. `reason` is a code of the list. */
  ended: providerKey.optional(),
  note: z.string().optional(),
  scope: z.string(),
  by: z.string(),
  reason: z.string().optional(),
  /** The evidence, as the reviewer gave it, that each identifier belongs to the provider of this app. */
  evidence: z.array(z.object({ provider: providerKey, text: z.string() })).optional(),
  /** Other clients that are bound to one of the identifiers, which the reviewer named. */
  sharedWith: z.array(z.string()).optional(),
  /** NPIs and TINs that nobody knew, or that were out of network, and that the reviewer bound all the same. */
  confirmed: z.array(z.string()).optional(),
  /** Who put the app in review, and when. Another person than `by` where four eyes are on. */
  reviewed: z.object({ by: z.string(), at: instant }).optional(),
});
/** `reason` is a code of the payer's list. Earlier releases wrote a text there. */
const appRejected = z.object({
  client: z.string(),
  by: z.string(),
  reason: z.string(),
  note: z.string().optional(),
  /** In the rejection of an app that was never approved: its name, and when it was registered. */
  name: z.string().optional(),
  registeredAt: instant.optional(),
  /**
   * In a suspension: the review of the app is too old. The event is a suspension, because an earlier release does not
   * know a type of its own and would stop (docs/adr/0126-life-of-an-app.md).
   */
  expired: z.boolean().optional(),
});
const signingKeyPublished = z.object({
  kid: z.string(),
  jwk: z.record(z.string(), z.unknown()),
  notAfter: instant.optional(),
});
/** Tokens of the key are refused from now on, for good: a kid never comes back. */
const signingKeyWithdrawn = z.object({
  kid: z.string(),
  reason: z.enum(['rotated', 'compromised']),
  by: z.string(),
});

/**
 * Any derived topic: what a service has handled of an inbound topic. `after` names the offsets in other partitions that
 * a reader must have passed to have all outputs for this and every earlier batch (docs/architecture.md#progress).
 * `outcomes` counts per receipt what became of the events.
 */
export const progress = z.object({
  /** The service that derived. A topic may have several derivers. */
  deriver: z.string(),
  topic: z.string(),
  partition: z.int(),
  /**
   * First inbound offset of the batch. When instances take over from one another, a batch may be reported twice, and
   * with other boundaries.
   */
  from: z.int().optional(),
  /** Next inbound offset not yet handled. */
  next: z.int(),
  /** Output topic -> next offset per partition that must be passed first. */
  after: z.record(z.string(), z.record(z.string(), z.int())).optional(),
  outcomes: z
    .array(
      z.object({
        receipt: z.string(),
        counts: z.record(z.string(), z.int()),
        /**
         * Elements that redaction removed or masked in what was recorded, by path without indexes; at most 101 paths.
         */
        removed: z.record(z.string(), z.int().positive()).optional(),
        /**
         * Conditional references in what was recorded, and attachments whose URL leads nowhere, by path without indexes
         * and type; at most 101 paths.
         */
        unresolved: z.record(z.string(), z.int().positive()).optional(),
        /** What the recorded resources lack of profiles that they declare, by profile, element and rule. */
        lacks: z.record(z.string(), z.int().positive()).optional(),
        /** Security labels of the recorded resources that the policy does not know; at most 101. */
        unknownLabels: z.record(z.string(), z.int().positive()).optional(),
        /** Codes of lists that withhold recorded resources, in a form for people (`Feed.withheldTags`); at most 101. */
        withheldTags: z.record(z.string(), z.int().positive()).optional(),
        /** Everything but `recorded`, one row an event. */
        items: z.array(
          z.object({
            event: z.string(),
            outcome: z.string(),
            reason: z.string().optional(),
            deadLetter: z.string().optional(),
            about: z.string().optional(),
          }),
        ),
      }),
    )
    .optional(),
});

/** Dead-letter topics. The original bytes and headers stay for ever. */
export const eventParked = z.object({
  deadLetter: z.string(),
  topic: z.string(),
  partition: z.int(),
  offset: z.int(),
  key: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Original value, base64. */
  value: z.string(),
  reason: z.string(),
  detail: z.string(),
  parkedBy: z.string(),
  parkedAt: instant,
});
const deadLetterReplayed = z.object({
  deadLetter: z.string(),
  by: z.string(),
  corrected: z.boolean(),
  event: z.string(),
  at: instant,
  /** Where the replayed event lies. Its taking effect ends the hold of the dead letter. */
  place: z.object({ topic: z.string(), partition: z.int(), offset: z.int() }).optional(),
});
const deadLetterDiscarded = z.object({
  deadLetter: z.string(),
  by: z.string(),
  reason: z.string(),
  at: instant,
});

/**
 * pa.registry: the topics were restored from a copy of `copied`. Nothing is decided until an operator confirms that
 * payers have re-sent everything since.
 */
const logRestored = z.object({ restore: z.string(), copied: instant, restoredAt: instant });
const restoreAccepted = z.object({ restore: z.string(), by: z.string(), reason: z.string(), at: instant });

/** Nothing: keeps the place of a record that was not in the backup from which its topic was restored. */
const gap = z.object({});

export type LogRestored = z.infer<typeof logRestored>;
export type RestoreAccepted = z.infer<typeof restoreAccepted>;
export type CoverageChanged = z.infer<typeof coverageChanged>;
export type MemberMerged = z.infer<typeof memberMerged>;
export type MemberAttributed = z.infer<typeof memberAttributed>;
export type AttributionEndedRecord = z.infer<typeof attributionEndedRecord>;
export type DirectoryEntryRecorded = z.infer<typeof directoryEntryRecorded>;
export type AccessHeld = z.infer<typeof accessHeld>;
export type AccessReleased = z.infer<typeof accessReleased>;
export type NetworkStatusRecorded = z.infer<typeof networkStatusRecorded>;
export type FileRowRecorded = z.infer<typeof fileRowRecorded>;
export type FileImported = z.infer<typeof fileImported>;
export type GroupOpened = z.infer<typeof groupOpened>;
export type AppRegistered = z.infer<typeof appRegistered>;
export type AppApproved = z.infer<typeof appApproved>;
export type AppRejected = z.infer<typeof appRejected>;
export type SigningKeyPublished = z.infer<typeof signingKeyPublished>;
export type SigningKeyWithdrawn = z.infer<typeof signingKeyWithdrawn>;
export type Progress = z.infer<typeof progress>;
export type ProgressOutcome = NonNullable<Progress['outcomes']>[number];
export type EventParked = z.infer<typeof eventParked>;
export type DeadLetterReplayed = z.infer<typeof deadLetterReplayed>;
export type DeadLetterDiscarded = z.infer<typeof deadLetterDiscarded>;

export const PROGRESS_TYPE = 'pa.progress.v1';
export const GAP_TYPE = 'pa.gap.v1';
/** `EXPORT_EVENTS` and `SERVICE_LEVEL_EVENTS` have the other types of ours. */
export const PLATFORM_EVENTS = {
  'pa.record-accepted.v1': { topic: 'pa.records', schema: recordAccepted },
  'pa.record-deleted.v1': { topic: 'pa.records', schema: recordDeleted },
  'pa.record-superseded.v1': { topic: 'pa.record-versions', schema: recordSuperseded },
  'pa.coverage-changed.v1': { topic: 'pa.members', schema: coverageChanged },
  'pa.member-merged.v1': { topic: 'pa.members', schema: memberMerged },
  'pa.member-attributed.v1': { topic: 'pa.attribution', schema: memberAttributed },
  'pa.attribution-ended.v1': { topic: 'pa.attribution', schema: attributionEndedRecord },
  'pa.access-held.v1': { topic: 'pa.consent', schema: accessHeld },
  'pa.access-released.v1': { topic: 'pa.consent', schema: accessReleased },
  'pa.network-status-recorded.v1': { topic: 'pa.providers', schema: networkStatusRecorded },
  'pa.file-row-recorded.v1': { topic: 'pa.file-rows', schema: fileRowRecorded },
  'pa.file-imported.v1': { topic: 'pa.file-rows', schema: fileImported },
  'pa.directory-entry-recorded.v1': { topic: 'pa.directory', schema: directoryEntryRecorded },
  'pa.group-opened.v1': { topic: 'pa.groups', schema: groupOpened },
  'pa.app-registered.v1': { topic: 'pa.registry', schema: appRegistered },
  'pa.app-approved.v1': { topic: 'pa.registry', schema: appApproved },
  'pa.binding-changed.v1': { topic: 'pa.registry', schema: bindingChanged },
  'pa.app-rejected.v1': { topic: 'pa.registry', schema: appRejected },
  'pa.app-suspended.v1': { topic: 'pa.registry', schema: appRejected },
  'pa.app-revoked.v1': { topic: 'pa.registry', schema: appRejected },
  'pa.signing-key-published.v1': { topic: 'pa.registry', schema: signingKeyPublished },
  'pa.signing-key-withdrawn.v1': { topic: 'pa.registry', schema: signingKeyWithdrawn },
  'pa.lines-set.v1': { topic: 'pa.registry', schema: linesSet },
  'pa.log-restored.v1': { topic: 'pa.registry', schema: logRestored },
  'pa.restore-accepted.v1': { topic: 'pa.registry', schema: restoreAccepted },
  ...AUDIT_EVENTS,
  ...FEED_EVENTS,
  ...CONSENT_EVENTS,
  ...NOTICE_EVENTS,
  ...LIST_EVENTS,
  ...MATCH_EVENTS,
  [PROGRESS_TYPE]: { topic: '*', schema: progress },
  [GAP_TYPE]: { topic: '*', schema: gap },
  'pa.event-parked.v1': { topic: 'payer.*.dead-letter', schema: eventParked },
  'pa.dead-letter-replayed.v1': { topic: 'payer.*.dead-letter', schema: deadLetterReplayed },
  'pa.dead-letter-discarded.v1': { topic: 'payer.*.dead-letter', schema: deadLetterDiscarded },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
/** The data of an event of ours, by its type. */
export type PlatformData<Type extends keyof typeof PLATFORM_EVENTS> = z.infer<(typeof PLATFORM_EVENTS)[Type]['schema']>;
