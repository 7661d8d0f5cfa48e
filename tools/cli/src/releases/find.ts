import type { Context } from '../context.ts';
import { type Explained, explained, type Given, givenOf, listedUntilNow, releasedAmong } from './given.ts';
import type { Wrong } from './wrong.ts';

/** A release that wrong events may have been part of. */
export interface Release extends Omit<Given, 'outcome' | 'query'> {
  readonly member: string;
  /**
   * `data`: it had resources of the type of a wrong one, of the same member. `access`: nothing permits it now.
   */
  readonly why: readonly ('data' | 'access')[];
  /** Why the decision denies the release now. */
  readonly denied?: string;
}
export interface Found {
  /** The newest first for each member. */
  readonly releases: readonly Release[];
  /** Releases about members whose access was wrong that the decision still permits. */
  readonly permitted: number;
}

/** A search that counts tells of a resource that it does not return. Names without a value may hide that. */
const COUNTS = /(?:^|&)(?:_summary|_total|_page|other|_count=0+)(?:[=&:]|$)/;

/** Whether an answer may have had a resource of one of the types. Entries of old releases name no types. */
function mayHaveHad({ action, types, resources, query }: Given, wrong: ReadonlySet<string> | undefined): boolean {
  if (wrong === undefined || (types !== undefined && !types.some((type) => wrong.has(type)))) return false;
  return resources !== 0 || (action === 'search' && query !== undefined && COUNTS.test(query));
}

export interface Wanted extends Pick<Wrong, 'data' | 'access'> {
  readonly since: string;
  readonly until?: string;
  /** Why the decision denies, as if wrong statements had been corrected. Default: as it decides now. */
  readonly deniedBy?: (member: string, explained: Explained) => string | undefined;
}
export const deniedNow = ({ decision, reason }: Explained): string | undefined =>
  decision === 'deny' ? (reason ?? 'denied') : undefined;

/** Every release in [since, until) that may have had what was wrong, or that only a wrong event permitted. */
export async function releasesOf(
  context: Pick<Context, 'server'>,
  token: string,
  { data, access, since, until, deniedBy = (_member, now) => deniedNow(now) }: Wanted,
  onProgress: (text: string) => void = () => undefined,
): Promise<Found> {
  const releases: Release[] = [];
  let [permitted, looked] = [0, 0];
  const members = [...new Set([...data.keys(), ...access])].toSorted();
  await listedUntilNow(context, token);
  const released = new Set<string>();
  for await (const member of releasedAmong(context, token, members, since)) released.add(member);
  for (const member of members) {
    looked += 1;
    if (!released.has(member)) continue;
    const period = { member, since, ...(until !== undefined && { until }) };
    for await (const given of givenOf(context, token, period)) {
      const { outcome: _outcome, query: _query, ...one } = given;
      const had = mayHaveHad(given, data.get(member));
      const about = { client: one.client, member, at: one.at };
      const denied = access.has(member) ? deniedBy(member, await explained(context, token, about)) : undefined;
      if (access.has(member) && denied === undefined) permitted += 1;
      const why = [...(had ? (['data'] as const) : []), ...(denied === undefined ? [] : (['access'] as const))];
      if (why.length > 0) releases.push({ ...one, member, why, ...(denied !== undefined && { denied }) });
    }
    onProgress(`${looked} of ${members.length} members`);
  }
  return { releases, permitted };
}

/** One person of the list that 45 CFR 164.404 asks for. */
export interface Person {
  readonly member: string;
  readonly first: string;
  readonly last: string;
  readonly apps: readonly string[];
  /** NPIs and TINs of these apps. */
  readonly providers: readonly string[];
  readonly types: readonly string[];
  readonly releases: number;
}

/** Each member once, with what 45 CFR 164.404(c)(1) lets a notice say: days, kinds of data and recipients. */
export function peopleOf(releases: readonly Release[]): readonly Person[] {
  // Map.groupBy is newer than the oldest Node that `pa` runs on.
  const byMember = new Map<string, (typeof releases)[number][]>();
  for (const release of releases) {
    const same = byMember.get(release.member);
    if (same === undefined) byMember.set(release.member, [release]);
    else same.push(release);
  }
  return Array.from(byMember, ([member, all]) => {
    const times = all.map(({ at }) => at).toSorted();
    const unique = (values: readonly string[]): string[] => [...new Set(values)].toSorted();
    return {
      member,
      first: times[0]!,
      last: times.at(-1)!,
      apps: unique(all.map(({ agent, client }) => agent?.name ?? client)),
      providers: unique(all.flatMap(({ agent }) => agent?.providers ?? [])),
      types: unique(all.flatMap(({ types }) => types ?? [])),
      releases: all.length,
    };
  });
}
