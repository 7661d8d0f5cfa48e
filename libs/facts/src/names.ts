import { pieces, type Step } from './steps.ts';

/**
 * The most coverages, the most attributions and the most ends of attributions that are kept of one member. A member has
 * a few. A payer that gives a coverage a new id each night must not make the member's document grow.
 */
export const MOST_NAMES = 200;

type Named<T> = Readonly<Record<string, T>>;
const newestOf = (steps: readonly Step[]): string =>
  steps.map((step) => step.businessTime).reduce((a, b) => (b > a ? b : a), '');

/**
 * Drops one name when there are more than `MOST_NAMES`: the oldest of those that hold nothing at `asOf` or later, or
 * the oldest of all when every name holds. Age is the newest business time of a name. `forgotten` is that time of the
 * dropped name. A caller refuses an unknown name whose statement is not newer than `forgotten`, because it may be the
 * dropped one.
 */
export function fewNames<T>(
  named: Named<T>,
  stepsOf: (value: T) => readonly Step[],
  added: string,
  asOf: string,
): { readonly named: Named<T>; readonly forgotten?: string } {
  const all = Object.entries(named);
  if (all.length <= MOST_NAMES) return { named };
  const rank = ([, value]: [string, T]): string => {
    const steps = stepsOf(value);
    const holds = pieces(steps).some((p) => p.to === undefined || p.to > asOf);
    return `${holds ? 1 : 0} ${newestOf(steps)}`;
  };
  const candidates = all.filter(([name]) => name !== added);
  const oldest = candidates.reduce((a, b) => (rank(b) < rank(a) ? b : a));
  return {
    named: Object.fromEntries(all.filter((entry) => entry !== oldest)),
    forgotten: newestOf(stepsOf(oldest[1])),
  };
}
/** The later of two business times, as a property of a part. */
export const forgottenUntil = (a: string | undefined, b: string | undefined): { readonly forgotten?: string } => {
  const latest = a === undefined || (b !== undefined && b > a) ? b : a;
  return latest === undefined ? {} : { forgotten: latest };
};
