import type { Plan } from './payer-operations.ts';

/** When the line of each plan starts, ms since the epoch; undefined if it is not shared. */
export type LinesTable = Readonly<Partial<Record<Plan, number>>>;
interface PlanStatement {
  readonly member: string;
  readonly plan: Plan;
  /** From this instant on, ms since the epoch. */
  readonly from: number;
  /** Business time. */
  readonly time: number;
  settled?: boolean;
}

/** Which coverages are of a line of business that has started (docs/lines-of-business.md). */
export class Lines {
  /** Tables that may be in force. Undefined: there is none, and every coverage is shared. */
  tables: readonly (LinesTable | undefined)[];
  readonly plans: PlanStatement[] = [];

  constructor(table: LinesTable | undefined) {
    this.tables = [table];
  }

  /**
   * Whether the member's coverage may, or must, be shared at one of the instants, or at all of them. Events of a member
   * arrive in order, so a prefix of the uncertain ones counts.
   */
  started(member: string, lean: 'may' | 'must', [first, last]: readonly [number, number]): boolean {
    const all = this.plans.filter((stated) => stated.member === member);
    const known = all.filter(({ settled }) => settled === true);
    const open = all.filter(({ settled }) => settled !== true);
    const starts = this.tables.flatMap((table) => Object.values(table ?? {}));
    const edges = [...starts, ...all.map(({ from }) => from)].filter((t) => t >= first && t <= last);
    const found = [...open.keys(), open.length].flatMap((n) =>
      [first, last, ...edges].flatMap((t) =>
        this.tables.map((table) => isShared([...known, ...open.slice(0, n)], table, t)),
      ),
    );
    return lean === 'may' ? found.some(Boolean) : found.every(Boolean);
  }
}

/** A coverage is shared when the lines of all plans that it has had have started. */
function isShared(stated: readonly PlanStatement[], table: LinesTable | undefined, now: number): boolean {
  if (table === undefined) return true;
  const had = stated
    .toSorted((a, b) => a.time - b.time)
    // A later statement takes the place of earlier ones from its day on.
    .reduce<readonly PlanStatement[]>((plans, one) => [...plans.filter(({ from }) => from < one.from), one], [])
    .filter(({ from }) => from <= now);
  return had.length > 0 && had.every(({ plan }) => (table[plan] ?? Infinity) <= now);
}
