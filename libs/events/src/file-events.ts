import { z } from 'zod';

/** The name that a payer gives to a sender of files. */
export const FILE_SOURCE = /^[a-z0-9][a-z0-9-]{0,39}$/;

/**
 * Of a statement that comes from a full file (docs/send-your-roster.md). It stands beside what others state: only the
 * next file of the same source, or an event without `file`, ends it.
 */
export const file = z
  .strictObject({
    source: z.string().regex(FILE_SOURCE, 'a name: lower-case letters, digits and -, at most 40'),
    /** The import. `undo.` before the name of an import takes that one back. */
    batch: z.string().min(1).max(128),
    /** The day of which the file tells. */
    asOf: z.iso.date(),
  })
  .optional();
/** What a full file may hold. */
export const FILE_KINDS = ['roster', 'coverage', 'network', 'opt-outs'] as const;
export type FileKind = (typeof FILE_KINDS)[number];
/** The last event of an import, after its rows: from now on an older file of the source is refused. */
export const fileImported = z.strictObject({
  source: z.string().regex(FILE_SOURCE),
  kind: z.enum(FILE_KINDS),
  asOf: z.iso.date(),
  batch: z.string().min(1).max(128),
  /** SHA-256 of the content of the rows, in hex. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  rows: z.int().nonnegative(),
  /** The import that this one takes back. */
  undoes: z.string().min(1).max(128).optional(),
});
