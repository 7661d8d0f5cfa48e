import { pieces, type Step } from './steps.ts';

/** Coverages, attributions and ends of attributions of one member, each. A member has a few; a payer that names one anew each night must not make the document grow. */
export const MOST_NAMES = 200;

type Named<T> = Readonly<Record<string, T>>;
const newestOf = (steps: readonly Step[]): string => steps.reduce((b, s) => (s.b > b ? s.b : b), '');

/**
 * Beyond `MOST_NAMES` without the one of which nothing holds at `asOf` or later and of which was spoken longest ago; if all hold, without the oldest of
 * all. `forgotten` is the business time of the last that was said of it: what is not newer must not bring it, or another unknown one, back.
 */
export function fewNames<T>(named: Named<T>, stepsOf: (value: T) => readonly Step[], added: string, asOf: string): { readonly named: Named<T>; readonly forgotten?: string } {
  const all = Object.entries(named);
  if (all.length <= MOST_NAMES) return { named };
  const rank = ([, value]: [string, T]): string => {
    const steps = stepsOf(value);
    const holds = pieces(steps).some((p) => p.to === undefined || p.to > asOf);
    return `${holds ? 1 : 0} ${newestOf(steps)}`;
  };
  const others = all.filter(([name]) => name !== added);
  const oldest = others.reduce((a, b) => (rank(b) < rank(a) ? b : a));
  return { named: Object.fromEntries(all.filter((entry) => entry !== oldest)), forgotten: newestOf(stepsOf(oldest[1])) };
}
/** The later of two business times, as an attribute of a part. */
export const forgottenUntil = (a: string | undefined, b: string | undefined): { readonly forgotten?: string } => {
  const latest = a === undefined || (b !== undefined && b > a) ? b : a;
  return latest === undefined ? {} : { forgotten: latest };
};
