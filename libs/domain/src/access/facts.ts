import type { ProviderKey } from '@provider-access/events';

/**
 * The facts that a decision reads (docs/architecture.md#one-decision). Times are RFC 3339 instants; intervals are
 * [from, to).
 */
export interface Interval {
  readonly from: string;
  readonly to?: string;
}
export interface CoverageFact extends Interval {
  readonly coverageId: string;
  readonly recordedAt: string;
  readonly event: string;
}
/** Of which plan a coverage is from an instant on. A later statement about the same time replaces an earlier one. */
export interface PlanFact extends Interval {
  readonly coverageId: string;
  /** Empty if too many statements are known: no line has this plan. */
  readonly plan: string;
  readonly recordedAt: string;
  readonly event: string;
}
/** A table of the lines of business, in force from `setAt` until the next one (PEOPLE.md N60 to N63). */
export interface LinesFact {
  readonly setAt: string;
  /** By plan: its line, and since when it is shared. Without `from` it is not. */
  readonly plans: ReadonlyMap<string, PlanStart>;
}
export interface PlanStart {
  readonly line: string;
  readonly from?: string;
}
/** A notice to the member that did not come back. From `from` on the member counts as told. */
export interface NoticeFact extends Interval {
  readonly kind: string;
  readonly event: string;
  readonly recordedAt: string;
}
export interface FormerCoverage {
  readonly until: string;
  /** Absent if it depended on none. */
  readonly coverageId?: string;
}
export interface AttributionFact extends Interval {
  readonly group: string;
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  readonly coverageId?: string;
  /** Coverages on which the same attribution depended before, each until an instant, oldest first. */
  readonly formerly?: readonly FormerCoverage[];
  readonly recordedAt: string;
  /** When its end or its coverage changed, if that was later than `recordedAt`. */
  readonly changedAt?: string;
  readonly event: string;
}
/**
 * A provider attested a treatment relationship, and opened the member to one app (MATCH.md M36). `to` is its expiry, or
 * its end if that came before.
 */
export interface AttestationFact extends Interval {
  /** The matched Group, which belongs to the app (M70). */
  readonly group: string;
  readonly client: string;
  /** The provider who attested. */
  readonly provider: ProviderKey;
  /** When the provider says that it attested. */
  readonly attestedAt: string;
  /** The policy that accepted it, with its version. */
  readonly policy: string;
  readonly job: string;
  readonly recordedAt: string;
  readonly event: string;
  /** When an end before its expiry was recorded. */
  readonly endRecordedAt?: string;
}
export interface OptOutFact extends Interval {
  readonly scope: string;
  /** See `OptOutReach`. */
  readonly targets?: readonly ProviderKey[];
  readonly categories?: readonly string[];
  readonly bars?: 'nobody';
  readonly recordedAt: string;
  readonly event: string;
  /**
   * When the opt-in that ended it was recorded. If that was after `_since`, a delta brings everything about the member.
   */
  readonly endRecordedAt?: string;
}
/** A dead letter that denies until it is resolved. */
export interface HoldFact extends Interval {
  readonly deadLetter: string;
  readonly eventType: string;
}

/** Stands for all sources. A hold of it denies every member, because the dead letter may concern any of them. */
export const EVERY_SOURCE = '*';
/**
 * In the sources of a member, stands for further sources beyond the limit. A hold of any source then denies the member.
 */
export const ANY_SOURCE = '?';
/**
 * Prefix of the id of a hold that stands for several open holds of one member. The id of the first dead letter follows.
 */
export const MORE_HOLDS = 'more-';
/** The sources whose holds deny a member. */
export const sourcesOf = ({ sources }: { readonly sources: readonly string[] }): readonly string[] => [
  ...sources,
  EVERY_SOURCE,
];

/**
 * States of an app (APPS.md, life cycle). Only `approved` gives access. `rejected` and `revoked` are final.
 */
export const CLIENT_STATUSES = [
  'submitted',
  'in-review',
  'approved',
  'rejected',
  'suspended',
  'revoked',
  'expired',
] as const;
export type ClientStatus = (typeof CLIENT_STATUSES)[number];
interface ClientChange {
  readonly status: ClientStatus;
  readonly at: string;
  readonly reason?: string;
  /** The decision ended the binding to this provider alone, and the app stayed approved (APPS.md P2). */
  readonly ended?: ProviderKey;
}
/**
 * An interval in which an app speaks for one NPI or TIN (APPS.md P1). The records of the registry state it, so it says
 * when each part was recorded.
 */
export interface BindingFact {
  readonly provider: ProviderKey;
  readonly from: string;
  readonly recordedAt: string;
  /** What records said about its end, in their order. The last one counts. Absent without any. */
  readonly ends?: readonly { readonly to: string; readonly recordedAt: string }[];
}
export interface ClientFacts {
  readonly client: string;
  readonly name: string;
  readonly status: ClientStatus;
  /** Status changes, oldest first, so that `explain` can answer for a past time. */
  readonly history: readonly ClientChange[];
  /** Every binding that the app ever had, oldest first. `providersAt` says which ones are in force. */
  readonly bindings: readonly BindingFact[];
  /** Ends of bindings until then have passed for this process, whatever its clock says later. ms since the epoch. */
  readonly endsPassed?: number;
  readonly scope: string;
}
export interface NetworkFact {
  readonly status: 'in-network' | 'out-of-network';
  readonly from: string;
  /** When the platform recorded the change; absent where a hold ended or began. */
  readonly recordedAt?: string;
}

/** There are few parties, so every service keeps these facts in memory. */
export interface PartyFacts {
  client(id: string): ClientFacts | undefined;
  /** Status changes of a provider, oldest first; [] for an unknown provider. */
  network(provider: ProviderKey): readonly NetworkFact[];
  /** Holds of a whole source, from dead letters without a readable member. */
  sourceHolds(source: string): readonly HoldFact[];
  /** Every identifier of the same provider in the payer's directory, this one included. */
  identity(provider: ProviderKey): readonly ProviderKey[];
  /** Codes of the NUCC taxonomy that the payer's directory has of this provider; [] if it has none. */
  specialties(provider: ProviderKey): readonly string[];
  /** Whether the payer's directory has this provider as not active, and has no active entry of it (MATCH.md M31). */
  deactivated(provider: ProviderKey): boolean;
  /** Every table of lines that was set, oldest first. Without one all lines are started. */
  lines(): readonly LinesFact[];
  /** Whether nobody sees a member who has not got a notice (HOLD_UNTIL_NOTICE). Default: false. */
  readonly holdsUntilNotice?: boolean;
  /** The newest instant at which an event of these facts was recorded. */
  asOf(): string | undefined;
}
