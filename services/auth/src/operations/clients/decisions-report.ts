import { BY_THE_APP } from '@provider-access/domain/pdex/reasons';
import type { ClientStatus } from '@provider-access/domain/access';
import type { ClientRegistration, RejectedApp } from '@provider-access/facts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Decisions of one kind and reason, with the days that they took. */
export interface DecisionRow {
  /** `binding-ended`: the app stayed approved, without one NPI or TIN. */
  readonly status: ClientStatus | 'binding-ended';
  /** A code of the list; the text that an earlier release wrote; absent for an approval. */
  readonly reason?: string;
  readonly count: number;
  /**
   * Days from the registration to the first approval or the rejection, and from the last approval to any later
   * decision, to one decimal.
   */
  readonly days: { readonly least: number; readonly median: number; readonly most: number };
}
interface Decided {
  readonly status: DecisionRow['status'];
  readonly reason?: string;
  readonly at: number;
  readonly days: number;
}

/** The decisions about one app: each with the time since what it answers. */
function decisionsOf({ registeredAt, history }: Pick<ClientRegistration, 'registeredAt' | 'history'>): Decided[] {
  const decided: Decided[] = [];
  let since = Date.parse(registeredAt);
  for (const { status: after, reason, at, ended, by } of history) {
    if (after === 'submitted' || after === 'in-review') continue;
    // What the app gave up of its own is no decision of a reviewer.
    if (after === 'approved' && by === BY_THE_APP) continue;
    const status = ended === undefined ? after : 'binding-ended';
    const when = Date.parse(at);
    // The reason of an approval is a free text, and each would be a row of its own.
    const code = status === 'approved' ? undefined : reason;
    decided.push({ status, ...(code !== undefined && { reason: code }), at: when, days: (when - since) / DAY_MS });
    if (status === 'approved') since = when;
  }
  return decided;
}

const oneDecimal = (days: number): number => Math.round(days * 10) / 10;
function rowOf(group: readonly Decided[]): DecisionRow {
  const { status, reason } = group[0]!;
  const days = group.map((each) => each.days).toSorted((a, b) => a - b);
  const median = (days[Math.floor((days.length - 1) / 2)]! + days[Math.ceil((days.length - 1) / 2)]!) / 2;
  return {
    status,
    ...(reason !== undefined && { reason }),
    count: group.length,
    days: { least: oneDecimal(days[0]!), median: oneDecimal(median), most: oneDecimal(days.at(-1)!) },
  };
}

/**
 * The decisions of reviewers in [from, to), ms since the epoch, by status and reason (APPS.md P33). `rejected`: apps
 * that were rejected before any approval.
 */
export function decisionRows(
  apps: readonly ClientRegistration[],
  rejected: readonly RejectedApp[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly DecisionRow[] {
  const all = [
    ...apps.flatMap(decisionsOf),
    ...rejected.flatMap(({ registeredAt, at, reason }) =>
      decisionsOf({ registeredAt, history: [{ status: 'rejected', at, reason }] }),
    ),
  ].filter(({ at }) => from <= at && at < to);
  const groups = new Map<string, Decided[]>();
  for (const each of all) {
    const key = `${each.status} ${each.reason ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => rowOf(group));
}
