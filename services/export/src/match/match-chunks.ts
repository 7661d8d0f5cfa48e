import { Inject, Injectable } from '@nestjs/common';
import type { Decision, MemberFacts } from '@provider-access/domain/access';
import { type PayerIdentity, payerIdentity } from '@provider-access/domain/pdex';
import {
  acceptsAttestation,
  type Demographics,
  isCoverageOfUs,
  type MatchPolicy,
  matchPolicyAt,
  type MemberBundle,
  readBundle,
  type ReadBundle,
  type SubmittedBundle,
} from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { type DenialReason, npiKey } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { BLOBS, type Job, Turns } from '@provider-access/jobs';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ExportConfig } from '../config.ts';
import { decideAttested } from './attesting.ts';
import type { GuessGuard } from './guess-guard.ts';
import type { Ended, Judged, Matched, MatchSummary } from './judged.ts';
import { bundlesAt } from './submitted.ts';
import { approvalOf, FINDER, type FinderFor, GUARD } from './searching.ts';

/** A bundle that was read, and whom it describes. */
interface Asked {
  readonly bundle: MemberBundle;
  /** Our member, or an id that nobody has, so that a miss costs the same reads. */
  readonly member: string;
  readonly isFound: boolean;
  readonly facts: MemberFacts | undefined;
  /** The same of ids that were merged with the member's. */
  readonly others: readonly Known[];
}
interface Known {
  readonly member: string;
  readonly facts: MemberFacts | undefined;
}
type Outcome = Pick<Judged, 'matched' | 'constrained' | 'ended'> & { readonly denied?: DenialReason };

/**
 * Judges the bundles of a chunk, in the order of M33. The number of queries depends on the number of readable bundles
 * alone, so that opted-out, held, uncovered, unknown and ambiguous members cost the same (M59).
 */
@Injectable()
export class MatchChunks {
  private readonly payer: PayerIdentity;
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'clock'>,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(FINDER) private readonly finderFor: FinderFor,
    @Inject(GUARD) private readonly guard: GuessGuard,
  ) {
    this.payer = payerIdentity(config.payerIdentifiers, config.payerOrganization);
  }

  /** `groupsBefore`: the Groups that earlier matches of the app will make. */
  async write(
    job: Job,
    places: readonly number[],
    groupsBefore: () => Promise<readonly string[]>,
  ): Promise<MatchSummary> {
    const judged: Judged[] = [];
    const refused: Partial<Record<DenialReason, string[]>> = {};
    const turns = new Turns();
    for await (const bundles of bundlesAt(this.blobs, job.job, places)) {
      await turns.next();
      const read = bundles.map((submitted) => ({
        submitted,
        read: readBundle(submitted.part, submitted.place, job.requestedAt),
      }));
      const readable = read.flatMap(({ read: one }) => (one.ok ? [one.bundle] : []));
      // Before the facts are read: what an earlier match has made meanwhile is in them.
      const before = readable.some(isWithdrawal) ? await groupsBefore() : [];
      const asked = await this.askedOf(job, readable);
      const missed: Demographics[] = [];
      const ofOthers: number[] = [];
      for (const { submitted, read: one } of read) {
        if (!one.ok) {
          if (one.securityEvent === true) ofOthers.push(one.place);
          judged.push(unreadable(submitted, one));
          continue;
        }
        const of = asked.get(one.bundle)!;
        const { denied, ...outcome } = this.judge(job, of, before);
        if (denied !== undefined) (refused[denied] ??= []).push(of.member);
        if (outcome.matched === undefined) missed.push(one.bundle.demographics);
        judged.push({ ...shownOf(submitted, one.bundle), npis: one.bundle.attestation.npis, ...outcome });
      }
      await this.guard.consentsOfOthers(job, ofOthers);
      await this.guard.count(job, approvalOf(this.facts.parties, job.client), missed);
    }
    const released = judged.flatMap(({ matched }) => matched?.member ?? []);
    return { v: 1, parts: [], released, refused, judged };
  }

  /** One search and one read of facts for all bundles. Nobody is looked for while the app is suspended (M77). */
  private async askedOf(job: Job, bundles: readonly MemberBundle[]): Promise<ReadonlyMap<MemberBundle, Asked>> {
    if (bundles.length === 0) return new Map();
    const isSuspended = await this.guard.isSuspended(approvalOf(this.facts.parties, job.client));
    const found = isSuspended
      ? []
      : await this.finderFor(job.client).find(bundles.map(({ demographics }) => demographics));
    const persons = bundles.map((bundle, at) => {
      const one = found[at];
      return one !== undefined && 'member' in one ? [one.member, ...(one.merged ?? [])] : [nobodyAt(bundle.place)];
    });
    const ids = [...new Set(persons.flat())];
    const facts = await this.facts.access.factsOfMany(ids);
    const known = new Map(ids.map((member, at): [string, Known] => [member, { member, facts: facts[at] }]));
    return new Map(
      bundles.map((bundle, at) => {
        const [{ member, facts: own }, ...others] = persons[at]!.map((id) => known.get(id)!) as [Known, ...Known[]];
        return [bundle, { bundle, member, isFound: member !== nobodyAt(bundle.place), facts: own, others }];
      }),
    );
  }

  private judge(job: Job, asked: Asked, before: readonly string[]): Outcome {
    const { bundle, member, isFound, facts, others } = asked;
    if (!isFound || facts === undefined) return {};
    const { attestation, coverage } = bundle;
    if (isWithdrawal(bundle))
      return {
        ended: [{ member, facts }, ...others].flatMap((one) => [
          ...endedOf(job.client, one, attestation),
          // Its attestation counts as ended when it comes.
          ...before.map((group) => ({ member: one.member, group })),
        ]),
      };
    if (!isCoverageOfUs(coverage as Readonly<Record<string, unknown>>, this.payer, job.requestedAt)) return {};
    return this.decided(job, asked);
  }

  /** The first attesting provider by whom the member is opened. */
  private decided(job: Job, { bundle: { attestation }, member, facts }: Asked): Outcome {
    const { parties } = this.facts;
    const now = instant(this.ports.clock.now());
    const policy = matchPolicyAt(this.config.matchPolicies, job.requestedAt);
    let isConstrained = false;
    let denied: DenialReason | undefined;
    for (const npi of attestation.npis) {
      const attesting = { npi, attestedAt: attestation.at, policy: policy.version };
      const decide = (known: MemberFacts | undefined): Decision =>
        decideAttested(job, { member, facts: known, ...attesting }, { parties, now });
      const decision = decide(facts);
      const isAccepted = this.accepts(policy, npi, facts!, Date.parse(now));
      if (decision.permit && isAccepted) return { matched: { member, ...attesting } satisfies Matched };
      const reason = decision.permit ? 'not-attributed' : decision.reason;
      // What another provider would have met tells more than that this one is not of the app.
      if (denied === undefined || denied === 'not-attributed') denied = reason;
      // Whom another rule bars too is not matched: the Group of opt-outs would tell what this provider must not know.
      if (this.config.consentConstrained && reason === 'opted-out')
        isConstrained ||= isAccepted && decide({ ...facts!, optOuts: [] }).permit;
    }
    return { ...(denied !== undefined && { denied }), ...(isConstrained && { constrained: member }) };
  }

  private accepts(policy: MatchPolicy, npi: string, { attributions }: MemberFacts, now: number): boolean {
    return acceptsAttestation(policy, attributions, this.facts.parties.identity(npiKey(npi)), now);
  }
}

function unreadable({ place, ids }: SubmittedBundle, read: Extract<ReadBundle, { ok: false }>): Judged {
  const { element, text, patient } = read;
  return { place, ids, ...(patient !== undefined && { patient }), fault: { element, text } };
}

/** An id that no member has. */
const nobodyAt = (place: number): string => `~${place}`;

const shownOf = ({ place, ids, isRepeated }: SubmittedBundle, { patient, coverage }: MemberBundle) => ({
  place,
  ids,
  patient,
  ...(isRepeated && { coverage }),
});

const isWithdrawal = ({ attestation }: MemberBundle): boolean => attestation.status === 'entered-in-error';

/** The attestations of this app that one of these providers made of the member. */
const endedOf = (client: string, { member, facts }: Known, { npis }: MemberBundle['attestation']): readonly Ended[] =>
  (facts?.attestations ?? [])
    .filter(
      (a) => a.client === client && a.endRecordedAt === undefined && npis.some((npi) => npiKey(npi) === a.provider),
    )
    .map(({ group }) => ({ member, group }));
