import type { Decision } from '@provider-access/domain/access';
import type { DenialReason, ProviderKey } from '@provider-access/events';
import type { PastDecision } from './history.ts';

/** Most grounds of one app that one answer lists. */
const MOST_GROUNDS = 10;

/** A part of a period, RFC 3339 instants: [from, to). */
export interface SeenPeriod {
  readonly from: string;
  readonly to: string;
}
export interface UnknownPeriod extends SeenPeriod {
  readonly unknownBefore: string;
}
/** Why an app may see a member: a provider to whom the member is attributed, or who attested to treat the member. */
interface DecisionGround {
  readonly kind: 'attribution' | 'attestation';
  readonly providers: readonly ProviderKey[];
  /** RFC 3339 instants: [from, to). Without `to` no end is known. */
  readonly from: string;
  readonly to?: string;
}
export type LastDecision =
  | {
      readonly decision: 'permit';
      readonly grounds: readonly DecisionGround[];
      /** How many grounds the answer does not list. */
      readonly moreGrounds: number;
    }
  | { readonly decision: 'deny'; readonly reason: DenialReason }
  | { readonly decision: 'unknown'; readonly unknownBefore: string };
/** Stands for the decisions about no app. */
export const NOBODY = { permit: false, reason: 'client-unknown' } as const;

type What = 'permit' | 'deny' | { readonly unknownBefore: string };
const whatOf = (decision: PastDecision): What =>
  'unknownBefore' in decision ? decision : decision.permit ? 'permit' : 'deny';

/** The decisions about an app, one after another. */
export class Course {
  readonly #steps: { readonly from: string; readonly what: What }[] = [];
  #last: PastDecision = NOBODY;
  /** @param what other than the decision, where all apps have the same */
  at(from: string, decision: PastDecision, what: What = whatOf(decision)): void {
    this.#last = decision;
    const last = this.#steps.at(-1)?.what;
    const isSame =
      typeof last === 'object' && typeof what === 'object' ? last.unknownBefore === what.unknownBefore : last === what;
    if (!isSame) this.#steps.push({ from, what });
  }
  last(): LastDecision {
    const last = this.#last;
    if ('unknownBefore' in last) return { decision: 'unknown', unknownBefore: last.unknownBefore };
    if (!last.permit) return { decision: 'deny', reason: last.reason };
    const grounds = groundsOf(last);
    return {
      decision: 'permit',
      grounds: grounds.slice(0, MOST_GROUNDS),
      moreGrounds: Math.max(0, grounds.length - MOST_GROUNDS),
    };
  }
  until(end: string): { readonly permit: readonly SeenPeriod[]; readonly unknown: readonly UnknownPeriod[] } {
    const permit: SeenPeriod[] = [];
    const unknown: UnknownPeriod[] = [];
    for (const [n, { from, what }] of this.#steps.entries()) {
      const period = { from, to: this.#steps[n + 1]?.from ?? end };
      if (what === 'permit') permit.push(period);
      else if (what !== 'deny') unknown.push({ ...period, ...what });
    }
    return { permit, unknown };
  }
}

/** Attributions before attestations, each in the order of its beginning. */
function groundsOf({ attributions, attestations = [] }: Decision & { readonly permit: true }): DecisionGround[] {
  const byFrom = (a: DecisionGround, b: DecisionGround): number => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0);
  const until = (to: string | undefined) => (to === undefined ? {} : { to });
  return [
    ...attributions
      .map(({ providers, from, to }) => ({ kind: 'attribution' as const, providers, from, ...until(to) }))
      .toSorted(byFrom),
    ...attestations
      .map(({ provider, from, to }) => ({ kind: 'attestation' as const, providers: [provider], from, ...until(to) }))
      .toSorted(byFrom),
  ];
}
