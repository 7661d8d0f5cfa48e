import { type AttestationFact, decide, type Decision, type MemberFacts } from '@provider-access/domain/access';
import { npiKey } from '@provider-access/events';
import type { Facts } from '@provider-access/facts';
import type { Job } from '@provider-access/jobs';
import { instant } from '@provider-access/kernel';

/** How long a matched Group lives (M71). */
const GROUP_DAYS = 30;
const DAY_MS = 86_400_000;

/** When the ground of a match begins and ends: by the request, so a step that runs twice says the same. */
export const periodOf = ({
  requestedAt,
}: Pick<Job, 'requestedAt'>): { readonly from: string; readonly to: string } => ({
  from: requestedAt,
  to: instant(Date.parse(requestedAt) + GROUP_DAYS * DAY_MS),
});

/** What a provider attests about a member, before the event of it exists. */
export interface Attesting {
  readonly npi: string;
  readonly attestedAt: string;
  readonly policy: string;
}

/**
 * Decides about a member as if the attestation were in its facts (M30, M36). Only this attestation counts, because the
 * result has a Group of its own.
 * @param now RFC 3339 instant
 */
export function decideAttested(
  job: Pick<Job, 'job' | 'client' | 'group' | 'requestedAt'>,
  of: { readonly member: string; readonly facts: MemberFacts | undefined } & Attesting,
  { parties, now }: { readonly parties: Facts['parties']; readonly now: string },
): Decision {
  const { member, facts, npi, attestedAt, policy } = of;
  const { client, group, requestedAt } = job;
  const attestation: AttestationFact = {
    ...periodOf(job),
    group,
    client,
    provider: npiKey(npi),
    attestedAt,
    policy,
    job: job.job,
    recordedAt: requestedAt,
    event: job.job,
  };
  // As if it were recorded: the clock of another process took the request, and may be ahead of this one (ADR 0016).
  const asOf = facts?.asOf !== undefined && facts.asOf > requestedAt ? facts.asOf : requestedAt;
  const known = facts && { ...facts, asOf, attestations: [...(facts.attestations ?? []), attestation] };
  return decide({ client, purpose: { kind: 'match', group }, member, now }, { member: known, party: parties });
}
