import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ALERTS, namesIn, ofRelease } from '@provider-access/watch';
import { firingAt, type Firing } from './playback.ts';
import { Recorder, type Source } from './recorder.ts';

/** Where something is tried. */
export interface Scene {
  readonly folder: string;
  readonly sources: () => readonly Source[];
  /** Whether nothing is felt any more of what was tried before. */
  readonly ready: () => Promise<boolean>;
  /** What somebody who looks sees now, of what came since the last look. */
  readonly look: () => Promise<readonly string[]>;
}

export interface Trial {
  /**
   * What must fire because of it, each at some time while the fault lasts, and for each as how many a second of the run counts (see
   * `firingAt`): few where it goes by an age, since what is half a second old on any day must not look like minutes.
   */
  readonly alerts: Readonly<Record<string, number>>;
  readonly fault: () => Promise<unknown>;
  readonly cure: () => Promise<unknown>;
  /** Where the silence needs longer hours than the alerts: stretched by this. */
  readonly silentStretch?: number;
  /** How long it may take until the last of them fires, where it is longer than that of others. */
  readonly patienceSeconds?: number;
}

/** Bounds, not durations: a trial goes on as soon as it has seen what it waits for. */
const PATIENCE_SECONDS = 240;
export const TRIAL_MS = (3 * PATIENCE_SECONDS + 60) * 1000;
const CALM_SECONDS = 5;
/** Every look plays back all that was recorded. */
const LOOKS = 120;

/** Causes a fault until its alerts have fired and cures it until they are silent, while everything is scraped; silent before. */
export async function tryIt({ folder, sources, ready, look }: Scene, trial: Trial): Promise<void> {
  expect(await until(ready), 'ready before the fault').toBe(true);
  await look();
  const recorder = new Recorder(sources);
  const names = Object.keys(trial.alerts);
  const firing = async (stretchOf: (name: string) => number): Promise<readonly Firing[]> => {
    const found: Firing[] = [];
    for (const stretch of new Set(names.map(stretchOf))) {
      const [all] = await firingAt(recorder, folder, stretch, [Date.now()]);
      found.push(...all!.filter(({ alert }) => names.includes(alert) && stretchOf(alert) === stretch));
    }
    return found;
  };
  const usual = (name: string): number => trial.alerts[name]!;
  const seen = new Map<string, Firing>();
  const missing = (): string[] => names.filter((name) => ![...seen.values()].some(({ alert }) => alert === name));
  recorder.start();
  try {
    await sleep(CALM_SECONDS * 1000);
    expect(await firing(usual), 'before the fault').toEqual([]);
    const began = Date.now();
    try {
      await trial.fault();
      await until(async () => {
        for (const one of await firing(usual)) seen.set(words(one), one);
        return missing().length === 0;
      }, trial.patienceSeconds);
    } finally {
      if (process.env['WATCH_TELL'] !== undefined) console.info([`--- ${names.join(', ')}`, ...measured(recorder, names), ...await look()].join('\n'));
      await trial.cure();
    }
    const cured = Date.now();
    console.info(`after ${seconds(cured - began)} s: ${[...seen.keys()].join(', ') || 'nothing'}`);
    expect(missing(), 'did not fire').toEqual([]);
    let still: readonly Firing[] = [];
    await until(async () => (still = await firing((name) => trial.silentStretch ?? usual(name))).length === 0);
    console.info(`${seconds(Date.now() - cured)} s after the cure: ${still.map(words).join(', ') || 'silent'}`);
    expect(still, 'after the cure').toEqual([]);
  } finally {
    await recorder.stop();
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000);
function words({ alert, labels: { alertname: _, __name__: _n, alertstate: _s, part_of: _p, severity: _v, namespace: _ns, ...labels } }: Firing): string {
  return `${alert} ${Object.values(labels).join(' ')}`.trim();
}

/** What the rules of these alerts go by, as it was scraped last. */
function measured(recorder: Recorder, alerts: readonly string[]): string[] {
  const names = new Set(ALERTS.filter(({ name }) => alerts.includes(name)).flatMap(({ expr }) => namesIn(expr(ofRelease)).selectors.map(({ metric }) => metric)));
  return recorder.recorded().filter(({ metric }) => names.has(metric)).flatMap(({ metric, labels: { namespace: _, instance: _i, ...labels }, values }) => {
    const value = values.findLast((one) => one !== undefined);
    return value === undefined || value === 0 ? [] : [`${metric}${JSON.stringify(labels)} ${value}`];
  });
}

async function until(look: () => Promise<boolean>, patienceSeconds = PATIENCE_SECONDS): Promise<boolean> {
  const end = Date.now() + patienceSeconds * 1000;
  for (;;) {
    if (await look()) return true;
    if (Date.now() > end) return false;
    await sleep((patienceSeconds * 1000) / LOOKS);
  }
}
