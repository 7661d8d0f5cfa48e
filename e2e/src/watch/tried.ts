import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { firingAt, type Firing } from './playback.ts';
import { Recorder, type Source } from './recorder.ts';
import { openWorld, type World } from './world.ts';

const ASKED_FOR = process.env['WATCH_FAULTS'] === '1';

/** Trials that share a world, which is there once one of them runs. */
export function faultsOf(what: string, trials: (world: () => World) => void): void {
  describe.skipIf(!ASKED_FOR)(`faults of ${what} (some minutes: WATCH_FAULTS=1)`, () => {
    let world: World | undefined;
    beforeAll(async () => {
      world = await openWorld();
    }, 300_000);
    afterAll(() => world?.close());
    trials(() => world!);
  });
}

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
  /** What must fire because of it, each at some time while the fault lasts; what else does is printed. */
  readonly alerts: readonly string[];
  /** A second of the run counts as so many: see `firingAt`. */
  readonly stretch: number;
  readonly fault: () => Promise<unknown>;
  readonly cure: () => Promise<unknown>;
  /** Where the silence needs longer hours than the alert: stretched by this. */
  readonly silentStretch?: number;
  /** How long it may take until the last of them fires, where it is longer than that of others. */
  readonly patienceSeconds?: number;
}

/** Bounds, not durations: a trial goes on as soon as it has seen what it waits for. */
const PATIENCE_SECONDS = 240;
export const TRIAL_MS = (3 * PATIENCE_SECONDS + 60) * 1000;
const CALM_SECONDS = 5;
const BETWEEN_LOOKS_MS = 2000;

/** Causes a fault until its alerts have fired and cures it until they are silent, while everything is scraped; silent before. */
export async function tryIt({ folder, sources, ready, look }: Scene, trial: Trial): Promise<void> {
  expect(await until(ready), 'ready before the fault').toBe(true);
  await look();
  const recorder = new Recorder(sources);
  recorder.start();
  const firing = async (stretch: number, moment = Date.now()): Promise<readonly Firing[]> => (await firingAt(recorder, folder, stretch, [moment]))[0]!;
  /** Those of the trial's alerts among them. */
  const tried = (some: readonly Firing[]): string[] => trial.alerts.filter((name) => some.some(({ alert }) => alert === name));
  const seen = new Map<string, Firing>();
  const missing = (): string[] => trial.alerts.filter((name) => ![...seen.values()].some(({ alert }) => alert === name));
  try {
    await sleep(CALM_SECONDS * 1000);
    expect(tried(await firing(trial.stretch)), 'before the fault').toEqual([]);
    const began = Date.now();
    try {
      await trial.fault();
      await until(async () => {
        for (const one of await firing(trial.stretch)) seen.set(JSON.stringify(one), one);
        return missing().length === 0;
      }, trial.patienceSeconds);
    } finally {
      if (process.env['WATCH_TELL'] !== undefined) console.info([`--- ${trial.alerts.join(', ')}`, ...await look()].join('\n'));
      await trial.cure();
    }
    const cured = Date.now();
    console.info(`${trial.alerts.join(', ')}: after ${seconds(cured - began)} s ${[...seen.values()].map(words).join('; ')}`);
    expect(missing(), 'did not fire').toEqual([]);
    let still: readonly Firing[] = [];
    await until(async () => tried((still = await firing(trial.silentStretch ?? trial.stretch))).length === 0);
    console.info(`${trial.alerts.join(', ')}: ${seconds(Date.now() - cured)} s after the cure ${still.map(words).join('; ') || 'all is silent'}`);
    expect(tried(still), 'after the cure').toEqual([]);
  } finally {
    await recorder.stop();
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000);
function words({ alert, labels: { alertname: _, __name__: _n, alertstate: _s, part_of: _p, severity: _v, namespace: _ns, ...labels } }: Firing): string {
  return `${alert} ${Object.values(labels).join(' ')}`.trim();
}

async function until(look: () => Promise<boolean>, patienceSeconds = PATIENCE_SECONDS): Promise<boolean> {
  const end = Date.now() + patienceSeconds * 1000;
  for (;;) {
    if (await look()) return true;
    if (Date.now() > end) return false;
    await sleep(BETWEEN_LOOKS_MS);
  }
}
