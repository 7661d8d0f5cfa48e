import { z } from 'zod';

/**
 * pa.feeds: what intake checked of the resources that it recorded or refused, and what they lack of the profiles that
 * they declare (docs/feeds.md, ADR 0051). No members and no values of elements: places in the log, elements,
 * security labels, codes of lists, and the payer's own names of its systems.
 */
const lack = z.object({
  /** Id of an element of the profile. */
  element: z.string(),
  /** `min`, `max`, `fixed`, `binding`, `type`, `slicing`, or `denial-reason`, which CMS asks for. */
  rule: z.string(),
  offsets: z.array(z.int()),
});
const feedRow = z.object({
  source: z.string(),
  type: z.string(),
  /** With its version. Without one: a rule that no declared version brought. Absent: no declared profile is known. */
  profile: z.string().optional(),
  /** Offsets of the inbound events. */
  checked: z.array(z.int()),
  lacks: z.array(lack),
  /**
   * Security labels that the policy of the platform does not know, in a form for people, with the events that have
   * them. A resource counts in one of its rows only. Absent without any.
   */
  unknownLabels: z.array(z.object({ label: z.string(), offsets: z.array(z.int()) })).optional(),
  /**
   * Codes of lists that withhold resources, in a form for people (`reasonOf`), with the events that have them. A
   * resource counts in one of its rows only. Absent without any.
   */
  withheldTags: z.array(z.object({ tag: z.string(), offsets: z.array(z.int()) })).optional(),
});
const feedChecked = z.object({
  /**
   * A partition of an inbound topic (`payer.member-events/3`) and its offsets [from, next). A batch may be handled
   * again with other boundaries, so a reader counts only offsets that it has not passed.
   */
  scope: z.string(),
  from: z.int(),
  next: z.int(),
  /** By the UTC day on which the log got the event. */
  days: z.array(z.object({ day: z.string(), rows: z.array(feedRow) })),
});

export type FeedChecked = z.infer<typeof feedChecked>;

export const FEED_EVENTS = {
  'pa.feed-checked.v1': { topic: 'pa.feeds', schema: feedChecked },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
