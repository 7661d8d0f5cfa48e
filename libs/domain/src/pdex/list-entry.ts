import type { ChangeType, GroupMember } from './group.ts';

/** Ends inside are exclusive; Period.end is the last moment. */
const lastMoment = (end: string): string => new Date(Date.parse(end) - 1).toISOString();

/** What an entry shows of an attribution. RFC 3339 instants, [from, to). */
interface Attribution {
  readonly from: string;
  readonly to?: string;
  readonly coverageId?: string;
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

/** One entry for a member, whichever of the attributions to the provider permit. @param since see `ListEntry` */
export function listEntry(member: string, attributions: readonly Attribution[], since: number): ListEntry {
  const { from, to, coverageId, changedAt } = attributions[0]!;
  return {
    member,
    from,
    ...(to !== undefined && { to: lastMoment(to) }),
    ...(coverageId !== undefined && { coverageId }),
    since,
    changed: changedAt === undefined ? since : Date.parse(changedAt),
  };
}

/** How an entry changed since `before` (ms since the epoch). Without it, every entry is new. */
export function changeSince({ since, changed }: ListEntry, before: number | undefined): ChangeType {
  if (before === undefined || since > before) return 'new';
  return changed > before ? 'changed' : 'nochange';
}
