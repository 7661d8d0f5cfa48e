import type { Sample } from './condition.ts';
import type { AlertRule } from './rules.ts';

const STEP = 1000;
const BINARY_STEP = 1024;
const LARGE = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SMALL = ['', 'm', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];
const BINARY = ['', 'ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const DIGITS = 4;

/** As Go's `%.4g` for numbers of the size that occurs. */
const digits = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(Number(value.toPrecision(DIGITS)));
};
function scaled(value: number, step: number, up: readonly string[], down: readonly string[] = ['']): string {
  if (value === 0 || !Number.isFinite(value)) return digits(value);
  let rest = value;
  let n = 0;
  for (; Math.abs(rest) >= step && n < up.length - 1; n += 1) rest /= step;
  if (n > 0) return digits(rest) + up[n]!;
  for (; Math.abs(rest) < 1 && n < down.length - 1; n += 1) rest *= step;
  return digits(rest) + down[n]!;
}
function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return digits(seconds);
  if (Math.abs(seconds) < 1) return `${scaled(seconds, STEP, [''], SMALL)}s`;
  const all = Math.trunc(Math.abs(seconds));
  const [d, h, m, s] = [Math.floor(all / 86_400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
  const sign = seconds < 0 ? '-' : '';
  if (d > 0) return `${sign}${d}d ${h}h ${m}m ${s}s`;
  if (h > 0) return `${sign}${h}h ${m}m ${s}s`;
  return m > 0 ? `${sign}${m}m ${s}s` : `${digits(seconds)}s`;
}

/**
 * The functions of Prometheus' templates that summaries use:
 * https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
 */
const FORMS: Readonly<Record<string, (value: number) => string>> = {
  humanize: (value) => scaled(value, STEP, LARGE, SMALL),
  humanize1024: (value) => scaled(value, BINARY_STEP, BINARY),
  humanizeDuration: duration,
  humanizePercentage: (value) => `${digits(value * 100)}%`,
  'printf "%.2f"': (value) => value.toFixed(2),
};

/** The summary of an alert for one of the samples for which it holds, as Prometheus writes it. */
export const summaryOf = ({ summary }: Pick<AlertRule, 'summary'>, { labels, value }: Sample): string =>
  summary
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '')
    .replaceAll(/\{\{ \$value \| ([^}]+?) \}\}/g, (_, form: string) => FORMS[form]?.(value) ?? digits(value));
