import { memberOf } from './member.ts';
import type { Resource } from './profiles.ts';
import { Random } from './random.ts';
import { coverage, patient } from './resources/enrollment.ts';
import { type Roster, roster } from './roster.ts';

const rosters = new Map<string, Roster>();

/**
 * The Patient and the Coverage of a member, without a history. They are made in microseconds, for proofs that need many
 * members.
 * @param n from 1
 * @param asOf ms since the epoch
 */
export function enrolled(
  seed: string,
  n: number,
  asOf: number,
): { readonly patient: Resource; readonly coverage: Resource } {
  let providers = rosters.get(seed);
  if (providers === undefined) rosters.set(seed, (providers = roster(seed, 1)));
  const member = memberOf(seed, n, asOf, providers);
  return {
    patient: patient(member, Random.keyed(seed, 'member', n, 'patient'), asOf, n % 5 === 0),
    coverage: coverage(member, providers, asOf, undefined),
  };
}
