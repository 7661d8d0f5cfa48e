import { z } from 'zod';

/**
 * pa.attestations: what providers attest by `$provider-member-match` (ADR 0124). The topic is one of its
 * own, because an earlier release stops in front of a type that it does not know. Times are RFC 3339 instants.
 */
const instant = z.string();

/**
 * Key is the member. A provider attested a treatment relationship to the member, and the payer's policy accepted it.
 * It opens the member to this app alone, within [from, to). One job and one member give one event, however often the
 * job's last step runs.
 */
const memberAttested = z.object({
  member: z.string(),
  /** The result of the job. Its Group is the app's (M70). */
  group: z.string(),
  client: z.string(),
  /** Of the provider who attested. */
  npi: z.string(),
  from: instant,
  to: instant,
  /** When the provider says that it attested: `Consent.dateTime`. */
  attestedAt: instant,
  /** The policy that accepted it, with its version. */
  policy: z.string(),
  job: z.string(),
});
/** Key is the member. What this app got of the member by this result ends at `at`, for good. */
const attestationEnded = z.object({
  member: z.string(),
  group: z.string(),
  client: z.string(),
  /** `entered-in-error`: the provider says so (M19). `withdrawn`: the payer does (M78). */
  reason: z.string(),
  at: instant,
  /** Of a withdrawal by the payer: who withdrew it, and what was written down about it. */
  by: z.string().optional(),
  note: z.string().optional(),
});
/**
 * Key is the Group. A job for a match has ended, and this is its result, also if nobody matched. The job appends it
 * behind the attestations of its members.
 */
const membersMatched = z.object({
  group: z.string(),
  client: z.string(),
  /** Of the providers who attested, as submitted to the job. Empty if nobody matched. */
  npis: z.array(z.string()),
  from: instant,
  to: instant,
  policy: z.string(),
  job: z.string(),
  submitted: z.int().nonnegative(),
  matched: z.int().nonnegative(),
});

export type MemberAttested = z.infer<typeof memberAttested>;
export type AttestationEnded = z.infer<typeof attestationEnded>;
export type MembersMatched = z.infer<typeof membersMatched>;

export const MATCH_EVENTS = {
  'pa.member-attested.v1': { topic: 'pa.attestations', schema: memberAttested },
  'pa.attestation-ended.v1': { topic: 'pa.attestations', schema: attestationEnded },
  'pa.members-matched.v1': { topic: 'pa.attestations', schema: membersMatched },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
