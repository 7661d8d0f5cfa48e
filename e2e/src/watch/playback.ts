import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promtool, ruleFilesIn } from './promtool.ts';
import type { Recorded, Recorder } from './recorder.ts';

/**
 * Gauges that say how long something lasts by now. When a second of the run counts as ten, so do they.
 */
const AGES = new Set(['pa_log_oldest_unhandled_seconds', 'pa_view_freshness_seconds', 'pa_facts_age_seconds', 'pa_export_oldest_seconds']);
/** Gauges that say when something was. */
const MOMENTS = new Set(['pa_probe_last_success_timestamp_seconds', 'process_start_time_seconds']);

export interface Firing { readonly alert: string; readonly labels: Readonly<Record<string, string>> }

/**
 * What would have fired at a moment of the run (ms since the epoch), by Prometheus' own engine and the rule files as the chart has them.
 *
 * Nobody waits six hours in a test, so time is stretched: a second of the run counts as `stretch` seconds. Ages and moments that were
 * measured are stretched alike; rules stay as they are. Counters are not: a rate is lower by as much.
 */
export async function firingAt(recorder: Recorder, folder: string, stretch: number, moments: readonly number[]): Promise<readonly (readonly Firing[])[]> {
  const rules = ruleFilesIn(folder);
  const { ticks } = recorder;
  const first = ticks[0]!;
  const series = recorder.recorded().map((one) => ({ series: nameOf(one), values: valuesOf(one, ticks, stretch) }));
  const at = moments.map((moment) => {
    const tick = ticks.findLastIndex((time) => time <= moment);
    return Math.max(tick, 0) * stretch;
  });
  const file = join(folder, `playback-${stretch}-${first}.yaml`);
  const sought = 'ALERTS{alertstate="firing"}';
  writeFileSync(file, JSON.stringify({
    rule_files: rules, evaluation_interval: `${stretch}s`,
    tests: [{
      interval: `${stretch}s`, input_series: series,
      // What is expected never comes, so that promtool says what came instead.
      promql_expr_test: at.map((seconds) => ({ expr: sought, eval_time: `${seconds}s`, exp_samples: [{ labels: 'nothing', value: 1 }] })),
    }],
  }));
  const { output } = await promtool(['test', 'rules', file], folder);
  const parts = output.split(`expr: ${JSON.stringify(sought)}`).slice(1);
  if (parts.length !== at.length) throw new Error(`promtool: ${output.slice(0, 2000)}`);
  return parts.map((part) => {
    const got = part.slice(part.indexOf('got:'));
    return [...got.matchAll(/\{([^}]*)\}/g)].map(([, text]) => {
      const labels = Object.fromEntries([...text!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]));
      return { alert: labels['alertname']!.replace('ProviderAccess', ''), labels };
    });
  });
}

const nameOf = ({ metric, labels }: Recorded): string => `${metric}{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(',')}}`;

function valuesOf({ metric, values }: Recorded, ticks: readonly number[], stretch: number): string {
  const first = ticks[0]! / 1000;
  let there = false;
  return ticks.map((_, tick) => {
    const value = values[tick];
    if (value === undefined) {
      const mark = there ? 'stale' : '_';
      there = false;
      return mark;
    }
    there = true;
    if (AGES.has(metric)) return text(value * stretch);
    if (MOMENTS.has(metric)) return text((value - first) * stretch);
    return text(value);
  }).join(' ');
}
const text = (value: number): string => (value === Number.POSITIVE_INFINITY ? 'Inf' : Number.isNaN(value) ? 'NaN' : String(value));
