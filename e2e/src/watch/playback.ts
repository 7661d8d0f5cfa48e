import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS } from '@provider-access/watch';
import { metricsOf } from './names.ts';
import { promtool, ruleFilesIn } from './promtool.ts';

/**
 * A scraped series: one value for each tick, undefined where there was none. Times count from the first tick, in
 * seconds.
 */
export interface Series {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | undefined)[];
}
/** The series of a run, scraped once a second. */
export interface Run {
  readonly ticks: number;
  readonly series: readonly Series[];
}
export interface Firing {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Gauges that measure how long something has lasted. If a second of the run counts as ten, these are multiplied too.
 */
const AGES = new Set([
  'pa_log_oldest_unhandled_seconds',
  'pa_view_freshness_seconds',
  'pa_facts_age_seconds',
  'pa_export_oldest_seconds',
]);
/** Gauges of the time at which something happened. */
export const MOMENTS: ReadonlySet<string> = new Set([
  'pa_probe_last_success_timestamp_seconds',
  'process_start_time_seconds',
]);

/**
 * The part of a promtool test that gives a run to the rules. A test cannot wait six hours, so time is stretched: a
 * second of the run counts as `stretch` seconds. Measured ages and times are stretched alike, and the rules stay
 * unchanged. Counters are not stretched, so a rate is lower by the same factor.
 */
export const input = ({ ticks, series }: Run, stretch: number): object => ({
  interval: `${stretch}s`,
  input_series: series.map((one) => ({ series: nameOf(one), values: valuesOf(one, ticks, stretch) })),
});

let files = 0;
/**
 * Which of these alerts fire at each of these ticks of a run, by Prometheus' own engine and the rule files of the
 * chart. promtool gets only the series that the alerts read, because playing back every series takes seconds.
 * @param folder for files of the test
 */
export async function firingAt(
  run: Run,
  folder: string,
  stretch: number,
  ticks: readonly number[],
  alerts: readonly string[],
): Promise<readonly (readonly Firing[])[]> {
  const metrics = new Set(ALERTS.filter(({ name }) => alerts.includes(name)).flatMap(metricsOf));
  const file = join(folder, `playback-${(files += 1)}.json`);
  const sought = 'ALERTS{alertstate="firing"}';
  writeFileSync(
    file,
    JSON.stringify({
      rule_files: ruleFilesIn(folder, alerts),
      evaluation_interval: `${stretch}s`,
      tests: [
        {
          ...input({ ticks: run.ticks, series: run.series.filter(({ metric }) => metrics.has(metric)) }, stretch),
          // This sample never exists, so promtool prints the existing ones.
          promql_expr_test: ticks.map((tick) => ({
            expr: sought,
            eval_time: `${tick * stretch}s`,
            exp_samples: [{ labels: 'nothing', value: 1 }],
          })),
        },
      ],
    }),
  );
  const { output } = await promtool(['test', 'rules', file], folder);
  const parts = output.split(`expr: ${JSON.stringify(sought)}`).slice(1);
  if (parts.length !== ticks.length) throw new Error(`promtool: ${output.slice(0, 2000)}`);
  return parts.map((part) =>
    [...part.slice(part.indexOf('got:')).matchAll(/\{([^}]*)\}/g)]
      .map(([, text]) => {
        const { __name__: _, alertstate: _s, ...labels } = labelsIn(text!);
        return { alert: labels['alertname']!.replace('ProviderAccess', ''), labels };
      })
      .filter(({ alert }) => alerts.includes(alert)),
  );
}

/** The labels of `a="b",c="d"`. */
export const labelsIn = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]));
export const nameOf = ({ metric, labels }: Pick<Series, 'metric' | 'labels'>): string =>
  `${metric}{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;

function valuesOf({ metric, values }: Series, ticks: number, stretch: number): string {
  const factor = AGES.has(metric) || MOMENTS.has(metric) ? stretch : 1;
  let there = false;
  return Array.from({ length: ticks }, (_, tick) => {
    const value = values[tick];
    const mark = value === undefined ? (there ? 'stale' : '_') : text(value * factor);
    there = value !== undefined;
    return mark;
  }).join(' ');
}
const text = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? 'Inf' : Number.isNaN(value) ? 'NaN' : String(value);
