import { median, note } from './rows.ts';

/** A build under load, and what all its processes have cost since they started, in CPU seconds. */
export interface Side {
  readonly cpu: () => number;
}
/** CPU of all processes of a build, µs for each event, request or resource. */
export interface Comparison {
  readonly what: string;
  readonly this: number;
  readonly other: number;
  /** Median of the rounds' ratios of this build to the other one. */
  readonly ratio: number;
  /** The lowest and the highest ratio of a round. */
  readonly range: readonly [number, number];
  /** Ratio of the lower quartiles. Other work on the machine only adds to a cost, so the cheap rounds tell most. */
  readonly quiet: number;
  /** Median of the rounds' ratios of events, requests or resources a second. */
  readonly rate: number;
}

/**
 * Loads two builds in turn with the same work, so that each round is a pair. The first round warms up and does not
 * count. Each next round begins with the other build.
 * @param act does the work of a round and counts its events, requests or resources
 */
export async function compare<S extends Side>(
  what: string,
  sides: readonly [S, S],
  rounds: number,
  act: (side: S, round: number) => Promise<number>,
): Promise<Comparison> {
  note(what);
  const costs: (readonly [number, number])[] = [];
  const rates: number[] = [];
  const once = async (side: S, round: number): Promise<{ cost: number; ms: number }> => {
    const before = side.cpu();
    const start = performance.now();
    const count = await act(side, round);
    return { cost: ((side.cpu() - before) / count) * 1e6, ms: (performance.now() - start) / count };
  };
  for (let round = 0; round <= rounds; round += 1) {
    const isOtherFirst = round % 2 === 1;
    const first = await once(sides[isOtherFirst ? 1 : 0], round);
    const second = await once(sides[isOtherFirst ? 0 : 1], round);
    const [ours, other] = isOtherFirst ? [second, first] : [first, second];
    if (round === 0) continue;
    costs.push([ours.cost, other.cost]);
    rates.push(other.ms / ours.ms);
  }
  const [ours, other] = [costs.map(([cost]) => cost), costs.map(([, cost]) => cost)];
  const ratios = costs.map(([a, b]) => a / b);
  return {
    what,
    this: median(ours),
    other: median(other),
    ratio: median(ratios),
    range: [Math.min(...ratios), Math.max(...ratios)],
    quiet: lowerQuartile(ours) / lowerQuartile(other),
    rate: median(rates),
  };
}

const lowerQuartile = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]!;

export function printComparisons(figures: readonly Comparison[]): void {
  console.log(
    'CPU µs of this build and of the other one, ratio of the rounds, their range, and of the cheap rounds; rate',
  );
  for (const { what, this: a, other, ratio, range, quiet, rate } of figures) {
    const ratios = [ratio.toFixed(2), range.map((r) => r.toFixed(2)).join('–'), quiet.toFixed(2), rate.toFixed(2)];
    const cells = [a.toFixed(0), other.toFixed(0), ...ratios];
    console.log(`${what.padEnd(52)}${cells.map((cell) => cell.padStart(12)).join('')}`);
  }
}
