import type { Draw } from './drawing.ts';

/** What providers attest for their apps, and withdraw, by `$provider-member-match` (MATCH.md). */
export type MatchOperation =
  /** The provider of the client attests that it treats the members. `via`: the instance of export that is asked. */
  | { readonly op: 'attest'; readonly client: number; readonly members: readonly number[]; readonly via: number }
  /** It says that this was an error. `which` counts the matches from the newest. */
  | { readonly op: 'withdraw'; readonly which: number; readonly via: number };

/** A match costs as much as an export, so it comes as seldom. */
export const MATCH_WEIGHTS: Readonly<Record<MatchOperation['op'], number>> = { attest: 5, withdraw: 2 };
const OPS = Object.keys(MATCH_WEIGHTS) as MatchOperation['op'][];
export const isOfMatch = <O extends { readonly op: string }>(operation: O): operation is O & MatchOperation =>
  (OPS as readonly string[]).includes(operation.op);

/** Minutes until a matched Group has expired (M71), by any of the clocks. */
export const A_MONTH = 43_200 + 70;

export function matchOperation(op: MatchOperation['op'], draw: Draw): MatchOperation {
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  const via = draw(2);
  if (op === 'withdraw') return { op, which: draw(2), via };
  // Practice B is attributed member 0 alone, so the others are new to it.
  return { op, client: one([1, 1, 0]), members: one([[1], [1, 2], [0, 1]]), via };
}
