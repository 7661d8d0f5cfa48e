import type { Draw } from './drawing.ts';

/** What providers attest for their apps, and withdraw (MATCH.md). */
export type MatchOperation =
  /** The provider of the client attests that it treats the members, who match. */
  | { readonly op: 'attest'; readonly client: number; readonly members: readonly number[]; readonly minutes: number }
  /** It says that this was an error. `which` counts from the newest. */
  | { readonly op: 'withdraw'; readonly which: number };

export const MATCH_WEIGHTS: Readonly<Record<MatchOperation['op'], number>> = { attest: 8, withdraw: 3 };
const OPS = Object.keys(MATCH_WEIGHTS) as MatchOperation['op'][];
export const isOfMatch = <O extends { readonly op: string }>(operation: O): operation is O & MatchOperation =>
  (OPS as readonly string[]).includes(operation.op);

/** Minutes until a matched Group expires (M71). */
export const THIRTY_DAYS = 43_200;

export function matchOperation(op: MatchOperation['op'], draw: Draw): MatchOperation {
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  if (op === 'withdraw') return { op, which: draw(2) };
  // Practice B is attributed member 0 alone, so the others are new to it.
  return { op, client: one([1, 1, 0]), members: one([[1], [1, 2], [0, 1]]), minutes: one([THIRTY_DAYS, 600, 20]) };
}
