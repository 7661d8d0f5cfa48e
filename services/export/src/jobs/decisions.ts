import {
  type AccessRequest,
  decide,
  type Decision,
  decisionTime,
  type DecisionFacts,
  type PartyFacts,
  visibleSince,
} from '@provider-access/domain/access';
import { toMemberFacts } from '@provider-access/facts/views';
import type { ViewDocument } from '@provider-access/engines/views';
import type { ChunkSources, ChunkTask } from './chunk-task.ts';
import type { SnapshotFacts } from './party-snapshot.ts';
import { Refusals } from './refusals.ts';

type Permission = Extract<Decision, { readonly permit: true }>;
/** A member whom the client may see. */
export interface Permitted extends Pick<Permission, 'attributions'> {
  readonly member: string;
  /** Since when the client may see the member, ms since the epoch. */
  readonly visibleSince: () => number;
  /** The same, if only the attributions of the decision count. */
  readonly attributedSince: () => number;
}

/** Decides about the members of a chunk, and keeps the reasons of refusals. */
export class Decisions {
  readonly refusals: Refusals;
  readonly #task: Pick<ChunkTask, 'client' | 'purpose'>;
  readonly #sources: Pick<ChunkSources, 'facts' | 'clock'>;
  readonly #party: PartyFacts;
  constructor(
    task: Pick<ChunkTask, 'client' | 'purpose'>,
    sources: Pick<ChunkSources, 'facts' | 'clock'>,
    party: SnapshotFacts,
  ) {
    this.refusals = new Refusals(party.readUntil);
    this.#task = task;
    this.#sources = sources;
    this.#party = party;
  }

  /** Those who are permitted, in their order. The facts of several members are one query. */
  async permitted(members: readonly string[]): Promise<readonly Permitted[]> {
    const { facts } = this.#sources;
    const documents = members.length === 1 ? [await facts.get(members[0]!)] : await facts.getMany(members);
    return members.flatMap((member, at): readonly Permitted[] => {
      const { decision, about } = this.#decide(member, documents[at]);
      if (decision.permit) {
        const { attributions } = decision;
        const since = (): number => visibleSince(...about);
        return [{ member, attributions, visibleSince: since, attributedSince: () => visibleSince(...about, decision) }];
      }
      this.refusals.add(member, decision.reason, documents[at], decisionTime(...about));
      return [];
    });
  }

  async permits(member: string): Promise<boolean> {
    return this.#decide(member, await this.#sources.facts.get(member)).decision.permit;
  }

  #decide(member: string, document: ViewDocument | undefined) {
    const { client, purpose } = this.#task;
    const now = new Date(this.#sources.clock.now()).toISOString();
    const request: AccessRequest = { client, purpose, member, now };
    const facts: DecisionFacts = { member: document && toMemberFacts(document), party: this.#party };
    return { decision: decide(request, facts), about: [request, facts] as const };
  }
}
