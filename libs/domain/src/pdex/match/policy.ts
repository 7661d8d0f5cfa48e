import { hash } from 'node:crypto';
import type { ProviderKey } from '@provider-access/events';
import { dateRange, isObject } from '@provider-access/fhir';
import { fault, faultOf, type PolicyReading, quoted, readFile, type Schema } from '../policy-file.ts';

/**
 * Which attestations the payer accepts (M35). `accept`: each one. `require-evidence`: the member is attributed to the
 * attesting provider, or was within the look-back. `reject`: none.
 */
const MATCH_RULES = ['accept', 'require-evidence', 'reject'] as const;
type MatchRule = (typeof MATCH_RULES)[number];

/** The policy at a time. `version` names it in results and in the audit. */
export interface MatchPolicy {
  readonly rule: MatchRule;
  readonly lookBackDays?: number;
  readonly version: string;
}
/** Policies with their first days, oldest first. Before the first one `accept` is in force. */
export type MatchPolicies = readonly (MatchPolicy & { readonly from: string })[];

export const DEFAULT_MATCH_POLICIES: MatchPolicies = [];
const DEFAULT_POLICY: MatchPolicy = { rule: 'accept', version: 'accept' };
/** Without another number, as much of the past as a payer usually counts for attribution. */
const LOOK_BACK_DAYS = 365;
const MOST_DAYS = 3650;
const DAY_MS = 86_400_000;

/** An attribution of the member, [from, to). RFC 3339 instants. */
interface Evidence {
  readonly from: string;
  readonly to?: string;
  readonly providers: readonly ProviderKey[];
}

/** The policy in force. @param now RFC 3339 instant. A day begins at midnight UTC */
export const matchPolicyAt = (policies: MatchPolicies, now: string): MatchPolicy => {
  const found = policies.findLast(({ from }) => Date.parse(from) <= Date.parse(now));
  if (found === undefined) return DEFAULT_POLICY;
  const { from: _from, ...policy } = found;
  return policy;
};

/**
 * Whether a policy accepts that a provider attests a relationship to a member.
 * @param attributions of the member
 * @param providers the attesting provider, under each of its identifiers
 * @param now ms since the epoch
 */
export function acceptsAttestation(
  { rule, lookBackDays = LOOK_BACK_DAYS }: MatchPolicy,
  attributions: readonly Evidence[],
  providers: readonly ProviderKey[],
  now: number,
): boolean {
  if (rule !== 'require-evidence') return rule === 'accept';
  const since = now - lookBackDays * DAY_MS;
  return attributions.some(
    ({ from, to, providers: attributed }) =>
      Date.parse(from) <= now &&
      (to === undefined || Date.parse(to) > since) &&
      attributed.some((provider) => providers.includes(provider)),
  );
}

interface Entry {
  readonly from: string;
  readonly rule: MatchRule;
  readonly lookBackDays?: number;
}
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const ENTRY: Schema = {
  from: (value) =>
    typeof value === 'string' && DAY.test(value) && dateRange(value) !== undefined
      ? undefined
      : 'needs "from": a day, such as 2027-01-01',
  rule: (value) =>
    (MATCH_RULES as readonly unknown[]).includes(value) ? undefined : `needs "rule": one of ${quoted(MATCH_RULES)}`,
  lookBackDays: (value) =>
    value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_DAYS)
      ? undefined
      : `has a "lookBackDays" that is no number of days from 0 to ${MOST_DAYS}`,
};
const FILE: Schema = {
  policies: (value) => {
    if (!Array.isArray(value) || value.length === 0) return '"policies" must be a list with at least one entry';
    for (const [at, entry] of (value as unknown[]).entries()) {
      const wrong = isObject(entry) ? (faultOf(ENTRY, entry) ?? misplaced(entry)) : 'must be an object';
      if (wrong !== undefined) return `"policies" entry ${at + 1} ${wrong}`;
    }
    return undefined;
  },
};
const misplaced = ({ rule, lookBackDays }: Readonly<Record<string, unknown>>): string | undefined =>
  lookBackDays !== undefined && rule !== 'require-evidence'
    ? 'has "lookBackDays" beside another rule than "require-evidence"'
    : undefined;

/** Reads a policy file (docs/match.md). */
export function readMatchPolicies(text: string): PolicyReading<MatchPolicies> {
  const reading = readFile<{ readonly policies: readonly Entry[] }>(text, FILE);
  if (!reading.ok) return reading;
  const { policies } = reading.policy;
  const dates = policies.map(({ from }) => from);
  const twice = dates.findIndex((from, at) => dates.indexOf(from) !== at);
  if (twice >= 0)
    return fault(`"policies" entry ${twice + 1} has the date of entry ${dates.indexOf(dates[twice]!) + 1}`);
  const digest = hash('sha256', JSON.stringify(policies), 'base64url').slice(0, 10);
  return {
    ok: true,
    policy: policies
      .map((entry) => ({ ...entry, version: `${entry.rule}/${entry.from}/${digest}` }))
      .toSorted((a, b) => Date.parse(a.from) - Date.parse(b.from)),
  };
}
