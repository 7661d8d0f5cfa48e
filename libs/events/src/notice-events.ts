import { z } from 'zod';

/** Notices to members, on pa.members (docs/notices.md, ADR 0106). Times are RFC 3339 instants. */
const instant = z.string();

/**
 * A notice was sent. The subject is one of the ids of the person, and `member` the one under which it was sent. `on` is
 * the day in the payer's calendar, and `from` the instant from which on the member counts as told.
 */
const noticeSent = z.object({
  member: z.string(),
  kind: z.string(),
  on: z.string(),
  from: instant,
  businessTime: instant,
  /** Absent where a merge brought the notice of the other id. */
  language: z.string().optional(),
  channel: z.string().optional(),
  template: z.string().optional(),
  proof: z.string().optional(),
});
/** The notices that were sent to `member` on this day did not arrive. */
const noticeReturned = z.object({
  member: z.string(),
  on: z.string(),
  businessTime: instant,
  reason: z.string().optional(),
});

export const NOTICE_EVENTS = {
  'pa.notice-sent.v1': { topic: 'pa.members', schema: noticeSent },
  'pa.notice-returned.v1': { topic: 'pa.members', schema: noticeReturned },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
