import type { ProviderKey } from '@provider-access/events';

/** What a decision reads (docs/architecture.md#one-decision). Times are RFC 3339 instants; intervals are [from, to). */
export interface Interval {
  readonly from: string;
  readonly to?: string;
}
export interface CoverageFact extends Interval {
  readonly coverageId: string;
  readonly recordedAt: string;
  readonly event: string;
}
export interface AttributionFact extends Interval {
  readonly group: string;
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  readonly coverageId?: string;
  readonly recordedAt: string;
  readonly event: string;
}
export interface OptOutFact extends Interval {
  readonly scope: string;
  readonly targets?: readonly ProviderKey[];
  readonly recordedAt: string;
  readonly event: string;
  /** When the opt-in that ended it was recorded: a member opted in after `_since` gets everything. */
  readonly endRecordedAt?: string;
}
/** A dead letter that denies until it is resolved. */
export interface HoldFact extends Interval {
  readonly deadLetter: string;
  readonly eventType: string;
}

/** One document a member. */
export interface MemberFacts {
  readonly member: string;
  /** Sources that ever spoke about this member's coverage, attribution or consent. */
  readonly sources: readonly string[];
  readonly coverage: readonly CoverageFact[];
  readonly attributions: readonly AttributionFact[];
  readonly optOuts: readonly OptOutFact[];
  readonly holds: readonly HoldFact[];
  /** Ids this member was merged with (either direction). Their opt-outs are already among `optOuts`. */
  readonly mergedWith: readonly string[];
  /** The newest instant at which something about this member was recorded; undefined when nothing was. */
  readonly asOf?: string;
  /**
   * Statements were dropped that decide nothing from this instant on. What was decided before it may not be seen from
   * these facts.
   */
  readonly completeFrom?: string;
}

/** Stands for all sources: a hold of it denies every member, because nobody knows whom the dead letter concerns. */
export const EVERY_SOURCE = '*';
/**
 * Stands in a member's sources for further ones: so many spoke of the member that a hold of any source denies the
 * member.
 */
export const ANY_SOURCE = '?';
/** Begins the id of the hold that stands for several open holds of one member. Its first dead letter follows. */
export const MORE_HOLDS = 'more-';
/** The sources whose holds deny a member. */
export const sourcesOf = (member: Pick<MemberFacts, 'sources'>): readonly string[] => [...member.sources, EVERY_SOURCE];

export type ClientStatus = 'pending' | 'approved' | 'rejected' | 'suspended' | 'revoked';
export interface ClientFacts {
  readonly client: string;
  readonly name: string;
  readonly status: ClientStatus;
  /** Status intervals, oldest first, so that `explain` can answer for a time. */
  readonly history: readonly { readonly status: ClientStatus; readonly at: string; readonly reason?: string }[];
  /** Provider identifiers bound at approval. */
  readonly providers: readonly ProviderKey[];
  readonly scope: string;
}
export interface NetworkFact {
  readonly status: 'in-network' | 'out-of-network';
  readonly from: string;
  /** Since when what holds from `from` on could be seen; absent where a hold ended or began. */
  readonly recordedAt?: string;
}

/** Few: every service keeps them in memory. */
export interface PartyFacts {
  client(id: string): ClientFacts | undefined;
  /** Status changes of a provider, oldest first; [] for one we never heard of. */
  network(provider: ProviderKey): readonly NetworkFact[];
  /** Holds of a whole source (a dead letter without a readable member). */
  sourceHolds(source: string): readonly HoldFact[];
  /** Every identifier that the payer's directory joins with this one, itself included. */
  identity(provider: ProviderKey): readonly ProviderKey[];
  /** The newest instant at which one of the events behind these facts was recorded; undefined before the first. */
  asOf(): string | undefined;
}
