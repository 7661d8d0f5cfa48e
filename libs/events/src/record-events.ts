import { z } from 'zod';

/** The events of records and their versions. Times are RFC 3339 instants. */

const instant = z.string();

/**
 * Of a version with the business time and sequence of older versions (ADR 0022). `said` is the business time that its
 * event states. `events` are marks of the older events, so that one of them which comes again is not taken for a
 * correction.
 */
export const tie = z.object({ said: instant, events: z.array(z.string()) });

/** pa.records: what a version of a resource and its end have in common. */
const recordChange = z.object({
  /** Member id, or `shared` for resources without a patient. */
  member: z.string(),
  type: z.string(),
  id: z.string(),
  versionId: z.int().positive(),
  /** Time of acceptance = meta.lastUpdated, written once, kept by rebuilds. */
  lastUpdated: instant,
  /**
   * Business time and sequence of the payer's event: they choose which version wins. With `tie`, `businessTime` may be
   * later by some ms.
   */
  businessTime: instant,
  sequence: z.int(),
  /**
   * `source` and `id` of the payer's event: they name an event that comes again, and an id that comes again with other
   * content.
   */
  source: z.string().optional(),
  event: z.string().optional(),
  tie: tie.optional(),
  /**
   * `lastUpdated` of the newest removal by a recall, also in the versions after it. Files of exports do not release
   * versions that are older. Absent without a recall.
   */
  recalled: instant.optional(),
});
/**
 * Of a prior authorization: a hash of its status, and when a version first had it. Absent for other resources, and in
 * records of earlier releases (ADR 0047).
 */
const decision = { status: z.string().optional(), statusChanged: instant.optional() };
/** The resource as accepted: normalised, redacted, encoded once; reading is copying. */
export const recordAccepted = recordChange.extend({
  /** Hash of the accepted content without meta.versionId and meta.lastUpdated: a repeat is `unchanged`. */
  contentHash: z.string(),
  /**
   * Hash of the resource as the payer sent it. If it is equal, another `contentHash` comes from other rules of
   * redaction.
   */
  sourceHash: z.string().optional(),
  serviceDate: z.string().optional(),
  /** `Type/id` of literal references, without the targets of a Provenance. An export brings these resources along. */
  references: z.array(z.string()),
  /** Search keys (`indexKeys`); empty in records of earlier releases. */
  tokens: z.array(z.string()),
  /** The version of the keys (`KEYS_VERSION`). A reader of another version makes them from `line`. */
  tokensBy: z.string().optional(),
  /**
   * Security labels of the resource and of everything inside it, `system|code`, as the payer sent it: `line` may lack
   * the part that has a label. Absent in records of earlier releases: a reader takes them from `line`.
   */
  labels: z.array(z.string()).optional(),
  /**
   * Which rules found the labels (`labelRules`). A reader with others, such as another list, looks into `line`.
   */
  labelsBy: z.string().optional(),
  /**
   * `Type/id` of the targets of a Provenance, whose labels withhold it too. Absent for other types, and in records of
   * earlier releases: a reader takes them from `line`.
   */
  targets: z.array(z.string()).optional(),
  ...decision,
  /** The encoded resource, one line, without the newline. */
  line: z.string(),
  /**
   * Of a claim without its sensitive lines (ADR 0115): the same with them. No reader serves it. The views are built
   * from it again when the lists of codes change.
   */
  whole: z.object({ line: z.string(), references: z.array(z.string()), serviceDate: z.string().optional() }).optional(),
});
const removal = z.enum(['deleted', 'entered-in-error', 'merged', 'before-floor']);
export const recordDeleted = recordChange.extend({
  reason: removal,
  /** Security labels of the version that was removed, and of the one that removed it. Absent without labels. */
  labels: z.array(z.string()).optional(),
  /** `Type/id` of the targets of the Provenance that was removed. */
  targets: z.array(z.string()).optional(),
  /** `Coverage/id` of the coverages that the removed version names. A table of lines may withhold the delete. */
  coverages: z.array(z.string()).optional(),
  ...decision,
  /**
   * Of a prior authorization that was entered in error: the resource that a read answers with, one line. It is not
   * named `line`, because readers of earlier releases take a record with a `line` for an accepted one.
   */
  enteredInError: z.string().optional(),
});

/**
 * pa.record-versions: a version that is not the newest any more. `line` is absent, and `reason` present, if the version
 * was a tombstone. The event is in the log before the event of the version that replaces it, so it may name a version
 * that is still the newest (ADR 0045).
 */
const version = recordChange.pick({ member: true, type: true, id: true, versionId: true, lastUpdated: true });
export const recordSuperseded = version.extend({
  /** `lastUpdated` of the version that replaced this one. The version is kept for a time from then on. */
  supersededAt: instant,
  reason: removal.optional(),
  /**
   * As `labels` of the accepted version, or of the one that was removed. Absent in records of earlier releases: a
   * reader takes them from `line`.
   */
  labels: z.array(z.string()).optional(),
  /** As `labelsBy` of the accepted version. */
  labelsBy: z.string().optional(),
  /** As `targets` of the accepted version, or of the one that was removed. */
  targets: z.array(z.string()).optional(),
  /** The encoded resource, as `line` of the accepted version. */
  line: z.string().optional(),
});

export type RecordAccepted = z.infer<typeof recordAccepted>;
export type RecordDeleted = z.infer<typeof recordDeleted>;
export type RecordSuperseded = z.infer<typeof recordSuperseded>;
