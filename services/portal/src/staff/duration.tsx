import { useSpeech } from './texts.ts';

const DAY_MS = 86_400_000;
/** Each with the duration (ms) from which it is used, and its size. Two days are still said in hours. */
const UNITS = [
  ['d', 2 * DAY_MS + 1, DAY_MS],
  ['h', 3_600_000, 3_600_000],
  ['min', 60_000, 60_000],
  ['s', 1000, 1000],
  ['ms', 0, 1],
] as const;

/** A duration (ms, not negative) in its largest unit. Nothing is shown without it. */
export function Duration({ ms }: { readonly ms: number | undefined }) {
  const { t, language } = useSpeech();
  if (ms === undefined) return null;
  const [unit, , size] = UNITS.find(([, least]) => ms >= least)!;
  return t(`time.${unit}`, { n: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(ms / size) });
}
