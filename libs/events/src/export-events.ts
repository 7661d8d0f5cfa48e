import { z } from 'zod';

/**
 * pa.exports: a job's life (docs/architecture.md#an-export). Key is the job id; header `pa_version` is the stream
 * version that readers deduplicate by (downloads are facts beside the stream and have none). Events stay small at any
 * size of Group: what grows with it (member lists, parts, who was dropped) is in files that the events name.
 */
const position = z.record(z.string(), z.array(z.int()));
const instant = z.string();

const exportRequested = z.object({
  job: z.string(),
  client: z.string(),
  group: z.string(),
  /**
   * Another Group that is one list with `group`, and since when. `positions` then also has a topic that no view
   * follows, so that an earlier release never exports the half of a list (docs/adr/0098-one-list.md).
   */
  also: z.object({ group: z.string(), since: instant }).optional(),
  operation: z.enum(['$export', '$davinci-data-export']),
  /** The kick-off URL as the manifest repeats it. */
  request: z.string(),
  /** Every type that is exported: asked for, or all in scope. Never empty. */
  types: z.array(z.string()).min(1),
  since: instant.optional(),
  exportType: z.string().optional(),
  /** Parameters that a lenient client asked for and does not get: one OperationOutcome each. */
  warnings: z.array(z.object({ code: z.string(), text: z.string(), parameter: z.string() })),
  /** Heads of the payer topics that the views had passed at kick-off. */
  positions: position,
  transactionTime: instant,
  requestedAt: instant,
  /**
   * Names the file with the patients, searches and elements that the kick-off asks for. Absent: it asks for everything.
   * `positions` then also has a topic that no view follows, so that an earlier release, which does not know `ask`,
   * never runs the job (docs/adr/0110-asks.md). So has a job whose files have blocks.
   */
  ask: z.string().optional(),
  /**
   * Parts of types that the access token of the kick-off covered, as `Type?parameters`; a resource of such a type
   * satisfies one of its parts. Absent: the token covered each type as a whole. `positions` then also has a topic that
   * no view follows, so that an earlier release never exports the whole type (docs/adr/0132-registration.md).
   */
  within: z.array(z.string()).optional(),
  /**
   * Names the file that tells what was submitted for a match. Such a job looks for members (docs/adr/0122): `group` is
   * its result, `operation` says nothing, and `positions` has a topic that no view follows, so that an earlier release
   * takes none of its steps.
   */
  match: z.string().optional(),
  /** Whether status requests answer 200 and have the status of the export in `X-Export-Status`. */
  separateStatus: z.boolean().optional(),
  /** W3C trace context of the kick-off. Later steps of the job are its children. */
  traceparent: z.string().optional(),
});
/** The member list is frozen under `plan` (a file prefix), one file a chunk. No members: no chunks. */
const exportPlanned = z.object({
  job: z.string(),
  members: z.int().nonnegative(),
  chunks: z.int().nonnegative(),
  plan: z.string(),
});
/** `summary` names the file that lists the chunk's parts. A higher fence replaces the chunk as a whole. */
const exportChunkWritten = z.object({
  job: z.string(),
  chunk: z.int().nonnegative(),
  fence: z.int(),
  summary: z.string(),
  members: z.int(),
  refused: z.int(),
  resources: z.int(),
  bytes: z.int(),
});
/**
 * `manifest` names the file that lists what can be downloaded; `dropped` counts members whose access ended while the
 * job ran.
 */
const exportSealed = z.object({
  job: z.string(),
  manifest: z.string(),
  files: z.int(),
  resources: z.int(),
  dropped: z.int(),
  sealedAt: instant,
  expiresAt: instant,
  /** Compressed bytes of the files that the seal itself wrote; those of chunks are in their events. */
  bytes: z.int().nonnegative().optional(),
});
const exportEnded = z.object({ job: z.string(), reason: z.string(), at: instant });
/**
 * `bytes` that were sent of a file, of `count` requests since the event before (absent: one); `complete` when one of
 * them got all that it asked for.
 */
const exportDownloaded = z.object({
  job: z.string(),
  client: z.string(),
  file: z.string(),
  at: instant,
  bytes: z.int(),
  complete: z.boolean(),
  count: z.int().positive().optional(),
});

export type ExportRequested = z.infer<typeof exportRequested>;
export type ExportPlanned = z.infer<typeof exportPlanned>;
export type ExportSealed = z.infer<typeof exportSealed>;
export type ExportEnded = z.infer<typeof exportEnded>;
export type ExportDownloaded = z.infer<typeof exportDownloaded>;

export const EXPORT_EVENTS = {
  'pa.export-requested.v1': { topic: 'pa.exports', schema: exportRequested },
  'pa.export-planned.v1': { topic: 'pa.exports', schema: exportPlanned },
  'pa.export-chunk-written.v1': { topic: 'pa.exports', schema: exportChunkWritten },
  'pa.export-sealed.v1': { topic: 'pa.exports', schema: exportSealed },
  'pa.export-cancelled.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-failed.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-expired.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-downloaded.v1': { topic: 'pa.exports', schema: exportDownloaded },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
