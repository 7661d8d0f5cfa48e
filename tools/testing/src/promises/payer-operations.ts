import type { Draw } from './drawing.ts';

/** The practices of a sequence. */
export const PRACTICES = ['A', 'B'] as const;
export type Practice = (typeof PRACTICES)[number];
/** Plans of coverages, beside one that no table of lines names. */
export const PLANS = ['gold', 'silver'] as const;
export type Plan = (typeof PLANS)[number] | 'bronze';
/** Minutes from now until the line of a plan starts. */
type Start = number | 'never' | 'not in the table';
/** What payers set and send beside statements: lines of business, notices, full files, and recalls. */
export type PayerOperation =
  | {
      readonly op: 'table of lines';
      readonly starts: Readonly<Record<(typeof PLANS)[number], Start>>;
      readonly via: number;
    }
  /** A notice of a day was sent to the member, or came back. */
  | {
      readonly op: 'notice';
      readonly member: number;
      readonly daysAgo: number;
      readonly returned: boolean;
      readonly via: number;
    }
  /** A full file of attributions: everything that the sender knows. Rows that it lacks end. */
  | {
      readonly op: 'roster';
      readonly sender: number;
      readonly practice: Practice;
      readonly members: readonly number[];
      readonly daysAgo: number;
      readonly via: number;
    }
  /** The first Condition of the member was wrong. */
  | { readonly op: 'recall'; readonly member: number; readonly via: number }
  /** The last import of the sender is taken back. */
  | { readonly op: 'undo'; readonly sender: number; readonly via: number };

/** Days since the first notice, which every member has got before a sequence. */
export const FIRST_NOTICE = 40;

export const PAYER_WEIGHTS: Readonly<Record<PayerOperation['op'], number>> = {
  'table of lines': 8,
  notice: 8,
  roster: 10,
  undo: 4,
  recall: 5,
};
const OPS = Object.keys(PAYER_WEIGHTS) as PayerOperation['op'][];
export const isOfPayer = <O extends { readonly op: string }>(operation: O): operation is O & PayerOperation =>
  (OPS as readonly string[]).includes(operation.op);

export function payerOperation(op: PayerOperation['op'], draw: Draw): PayerOperation {
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  const via = draw(2);
  switch (op) {
    case 'table of lines': {
      const start = (): Start => one([-1440, -1440, -10, 20, 600, 'never', 'not in the table']);
      const [gold, silver] = [start(), start()];
      // A table names at least one plan.
      const isEmpty = gold === 'not in the table' && silver === gold;
      return { op, starts: { gold: isEmpty ? 'never' : gold, silver }, via };
    }
    case 'notice':
      return {
        op,
        member: one([0, 0, 0, 1, 1, 2]),
        daysAgo: one([0, 1, FIRST_NOTICE, FIRST_NOTICE]),
        returned: draw(2) === 0,
        via,
      };
    case 'roster':
      return {
        op,
        sender: draw(2),
        practice: one(PRACTICES),
        members: [0, 1, 2].filter(() => draw(2) === 0),
        daysAgo: one([2, 1, 0, 0]),
        via,
      };
    case 'recall':
      return { op, member: one([0, 0, 1, 2]), via };
    case 'undo':
      return { op, sender: draw(2), via };
  }
}
