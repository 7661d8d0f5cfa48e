import { z } from 'zod';

/** RFC 3339. */
const instant = z.string();

/**
 * pa.registry: a table of the lines of business, which replaces the one before (PEOPLE.md N60 to N63). A type of its
 * own, so that a release that does not know lines stops in front of it and permits nothing.
 */
export const linesSet = z.object({
  /** 1 for the first table. */
  version: z.int().positive(),
  setAt: instant,
  by: z.string(),
  reason: z.string().optional(),
  lines: z.array(
    z.object({
      line: z.string(),
      name: z.string().optional(),
      /** The day or instant as it was given, and the instant from which the line is shared. Absent: it is not. */
      start: z.string().optional(),
      from: instant.optional(),
      /** Where the start date comes from, such as a section of the CFR. */
      source: z.string().optional(),
      /** A plan may start at another time than its line. */
      plans: z.array(z.object({ plan: z.string(), start: z.string().optional(), from: instant.optional() })),
    }),
  ),
});
export type LinesSet = z.infer<typeof linesSet>;
