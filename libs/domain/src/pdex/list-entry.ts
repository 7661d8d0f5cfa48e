import type { ChangeType, GroupMember } from './group.ts';

/** Ends inside are exclusive; Period.end is the last moment. */
const lastMoment = (end: string): string => new Date(Date.parse(end) - 1).toISOString();

/** What an entry shows of an attribution. RFC 3339 instants, [from, to). */
interface Attribution {
  readonly from: string;
  readonly to?: string;
  readonly coverageId?: string;
  readonly recordedAt: string;
  /** When the end or the Coverage changed. */
  readonly changedAt?: string;
}

/** An entry, with the times that tell how it changed: ms since the epoch. */
export interface ListEntry extends Omit<GroupMember, 'change'> {
  /** Since when the member is visible without a break. */
  readonly since: number;
  /** When the end or the Coverage changed; not before `since` if they did not. */
  readonly changed: number;
}

/** The one that ends last comes first, and of several that of the longest time. */
const lastingLongest = (a: Attribution, b: Attribution): number => {
  const [endA, endB] = [a.to ?? '~', b.to ?? '~'];
  if (endA !== endB) return endA > endB ? -1 : 1;
  return a.from === b.from ? 0 : a.from < b.from ? -1 : 1;
};

/**
 * One entry for each pair of a member and a provider (A8), whichever of the attributions to the provider permit. A
 * member who is attributed by NPI and by NPI and TIN has the attribution that lasts longest, so that the end of the
 * other one changes nothing. @param since see `ListEntry`
 */
export function listEntry(member: string, attributions: readonly Attribution[], since: number): ListEntry {
  const [shown] = attributions.toSorted(lastingLongest) as [Attribution];
  const { from, to, coverageId } = shown;
  const changes = attributions.flatMap(({ changedAt }) => (changedAt === undefined ? [] : Date.parse(changedAt)));
  // Another one may have shown the member before this one began.
  if (attributions.length > 1) changes.push(Math.max(Date.parse(from), Date.parse(shown.recordedAt)));
  return {
    member,
    from,
    ...(to !== undefined && { to: lastMoment(to) }),
    ...(coverageId !== undefined && { coverageId }),
    since,
    changed: changes.length === 0 ? since : Math.max(...changes),
  };
}

/** How an entry changed since `before` (ms since the epoch). Without it, every entry is new. */
export function changeSince({ since, changed }: ListEntry, before: number | undefined): ChangeType {
  if (before === undefined || since > before) return 'new';
  return changed > before ? 'changed' : 'nochange';
}
