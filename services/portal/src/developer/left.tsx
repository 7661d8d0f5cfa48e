import { useRef } from 'react';
import { type Seen, doneOf, timeLeft } from './time-left.ts';
import { useSpeech } from './texts.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

interface LeftProps {
  readonly progress: string | undefined;
  /** Members of the Group whom the app sees; undefined if the export is not of all of them. */
  readonly total: number | undefined;
}
/** How long a running export may still take, by what this page has seen of it. */
export function Left({ progress, total }: LeftProps) {
  const { t, language } = useSpeech();
  const first = useRef<Seen>(undefined);
  const done = doneOf(progress);
  if (done === undefined || total === undefined) return t('exports.left.unknown');
  const now = { at: Date.now(), done };
  first.current ??= now;
  const left = timeLeft(first.current, now, total);
  if (left === undefined) return t('exports.left.unknown');
  const [unit, size] = left >= HOUR_MS ? (['hour', HOUR_MS] as const) : (['minute', MINUTE_MS] as const);
  const time = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 0 });
  return t('exports.left.about', { time: time.format(Math.max(1, Math.round(left / size))), done, total });
}
