import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS } from '@provider-access/watch';
import { metricsOf } from './names.ts';
import { firingAt, labelsIn, nameOf, type Firing, type Run, type Series } from './playback.ts';

const FOLDER = join(import.meta.dirname, 'recordings');

/**
 * The series that an alert read during its fault, before and after: a file of `recordings`, made by the long suite
 * `alerts`.
 */
export interface Recording {
  readonly alert: string;
  /** How the series were made. */
  readonly source: string;
  readonly recorded: string;
  /** The commit whose processes were scraped. */
  readonly commit: string;
  /** So many seconds for Prometheus is one second of the run. */
  readonly stretch: number;
  /** The same for the silence after the cure, where an alert stays on for hours. */
  readonly silentStretch?: number;
  /** Every metric that the rule read then. Some may have had no series. */
  readonly metrics: readonly string[];
  readonly ticks: number;
  /** Ticks at which nothing fires. */
  readonly before: number;
  readonly after: number;
  /** The last tick of the fault, and which alerts that read only these metrics fire then. */
  readonly during: number;
  readonly fires: readonly Firing['labels'][];
  /** Values of each series: `5x3` are three ticks with a 5, `_` is a tick without a value. */
  readonly series: Readonly<Record<string, string>>;
}

export interface Trial {
  readonly alert: string;
  /** Distinguishes recordings of one alert, e.g. `kafka`. */
  readonly variant?: string;
  readonly source: string;
  readonly stretch: number;
  readonly silentStretch?: number;
  /** The ticks at which the fault was caused, and at which it was cured. */
  readonly began: number;
  readonly cured: number;
}

/** Names of the alerts that read only these metrics, so that a recording decides whether they fire. */
export const readable = (metrics: readonly string[]): readonly string[] =>
  ALERTS.filter((rule) => metricsOf(rule).every((metric) => metrics.includes(metric))).map(({ name }) => name);

/**
 * Picks from a run the series that one alert reads, and writes them to `recordings`. @throws if the alert does not
 * fire, or another one does
 */
export async function record(run: Run, trial: Trial, folder: string): Promise<void> {
  const metrics = metricsOf(ALERTS.find(({ name }) => name === trial.alert)!);
  const { ticks } = run;
  const series = Object.fromEntries(
    run.series
      .filter(({ metric }) => metrics.includes(metric))
      .map((one) => [nameOf(one), packed(one.values, ticks)])
      .sort(([a], [b]) => (a! < b! ? -1 : 1)),
  );
  // The rounded values are played back, so that the expectation holds for the file.
  const kept = runOf({ ticks, series });
  /**
   * The last tick from `from` to `to` with the expected alerts. A slow answer of a process moves the values by some
   * ticks.
   */
  const last = async (
    from: number,
    to: number,
    stretch: number,
    wanted: (firing: readonly Firing[]) => boolean,
    what: string,
  ): Promise<{ tick: number; firing: readonly Firing[] }> => {
    const seen = await firingAt(
      kept,
      folder,
      stretch,
      Array.from({ length: to - from + 1 }, (_, i) => from + i),
      readable(metrics),
    );
    const at = seen.findLastIndex(wanted);
    if (at < 0) throw new Error(`${trial.alert}: ${what}. At the end: ${JSON.stringify(seen.at(-1))}.`);
    return { tick: from + at, firing: seen[at]! };
  };
  const quiet = (firing: readonly Firing[]): boolean => firing.length === 0;
  const before = await last(0, trial.began, trial.stretch, quiet, 'something fires before the fault');
  const during = await last(
    trial.began + 1,
    trial.cured,
    trial.stretch,
    (firing) => firing.some(({ alert }) => alert === trial.alert),
    'it does not fire in what was kept of the run',
  );
  const after = await last(
    trial.cured + 1,
    ticks - 1,
    trial.silentStretch ?? trial.stretch,
    quiet,
    'something fires after the cure',
  );
  mkdirSync(FOLDER, { recursive: true });
  const recording: Recording = {
    alert: trial.alert,
    source: trial.source,
    recorded: new Date().toISOString().slice(0, 10),
    commit: commit(),
    stretch: trial.stretch,
    ...(trial.silentStretch !== undefined && { silentStretch: trial.silentStretch }),
    metrics,
    ticks,
    before: before.tick,
    during: during.tick,
    after: after.tick,
    fires: during.firing.map(({ labels }) => labels),
    series,
  };
  writeFileSync(
    join(FOLDER, `${[trial.alert, ...(trial.variant === undefined ? [] : [trial.variant])].join('.')}.json`),
    `${JSON.stringify(recording, undefined, 1)}\n`,
  );
}

const git = (...args: string[]): string => spawnSync('git', args, { cwd: FOLDER, encoding: 'utf8' }).stdout.trim();
/** Only changes of the scraped code count. Other recordings of the same run are changes too. */
const commit = (): string => {
  const changes = git('status', '--porcelain', '--untracked-files=no', '--', ':/libs', ':/services');
  return `${git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : '-dirty'}`;
};

/** Every recording by the name of its file. */
export const recordings = (): ReadonlyMap<string, Recording> =>
  new Map(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map((file) => [file, JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Recording]),
  );

export const runOf = ({ ticks, series }: Pick<Recording, 'ticks' | 'series'>): Run => ({
  ticks,
  series: Object.entries(series).map(([name, values]): Series => {
    const [, metric, labels] = /^([\w:]+)\{(.*)\}$/.exec(name)!;
    return { metric: metric!, labels: labelsIn(labels!), values: unpacked(values) };
  }),
});

function packed(values: Series['values'], ticks: number): string {
  const runs: { value: string; times: number }[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    const value = values[tick];
    const text =
      value === undefined ? '_' : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
    const last = runs.at(-1);
    if (last?.value === text) last.times += 1;
    else runs.push({ value: text, times: 1 });
  }
  return runs.map(({ value, times }) => (times === 1 ? value : `${value}x${times}`)).join(' ');
}
const unpacked = (text: string): (number | undefined)[] =>
  text.split(' ').flatMap((run) => {
    const [value, times = '1'] = run.split('x') as [string, string?];
    return Array<number | undefined>(Number(times)).fill(value === '_' ? undefined : Number(value));
  });
