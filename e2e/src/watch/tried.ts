import { expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { ALERTS } from '@provider-access/watch';
import { metricsOf } from './names.ts';
import { firingAt, type Firing } from './playback.ts';
import { Recorder, type Source } from './recorder.ts';
import { record } from './recording.ts';

/** The place of a fault. */
export interface Scene {
  readonly folder: string;
  readonly sources: () => readonly Source[];
  /** Whether the scene has recovered from the fault before. */
  readonly ready: () => Promise<boolean>;
  /** What a person would see now about events since the last check. */
  readonly look: () => Promise<readonly string[]>;
}

export interface Trial {
  /** Describes the fault for readers of the recordings. */
  readonly source: string;
  /**
   * The alerts that must fire because of the fault, each at some time while it lasts. For each: how many seconds a
   * second of the run counts (see `input`). The number is small for a rule about an age, because half a second of
   * normal age must not look like minutes.
   */
  readonly alerts: Readonly<Record<string, number>>;
  /** Distinguishes the recordings of alerts that another fault causes too. */
  readonly variant?: string;
  readonly fault: () => Promise<unknown>;
  readonly cure: () => Promise<unknown>;
  /** How many seconds a second counts after the cure, where an alert stays on for hours. */
  readonly silentStretch?: number;
  /** How long the last alert may take, if longer than for other faults. */
  readonly patienceSeconds?: number;
}

/** Limits, not durations: a trial continues as soon as its condition holds. */
const PATIENCE_SECONDS = 600;
export const TRIAL_MS = (3 * PATIENCE_SECONDS + 120) * 1000;
/** Scrapes before the fault. Without them no alert could wrongly fire. */
const CALM_TICKS = 5;
/** Each check plays back the whole run, so a trial does not check all the time. */
const LOOK_MS = 2000;

/**
 * Scrapes a scene while nothing is wrong, during a fault until its alerts have fired, and after the cure until they are
 * silent. Then it writes what each alert read to `recordings`, and CI replays it from there.
 */
export async function tryIt({ folder, sources, ready, look }: Scene, trial: Trial): Promise<void> {
  await eventually(ready, { what: 'the scene is ready before the fault', timeout: PATIENCE_SECONDS * 1000 });
  await look();
  const recorder = new Recorder(sources);
  const names = Object.keys(trial.alerts);
  const firing = async (stretchOf: (name: string) => number): Promise<readonly Firing[]> => {
    const found: Firing[] = [];
    for (const stretch of new Set(names.map(stretchOf))) {
      const run = recorder.run();
      const [all] = await firingAt(
        run,
        folder,
        stretch,
        [run.ticks - 1],
        names.filter((name) => stretchOf(name) === stretch),
      );
      found.push(...all!);
    }
    return found;
  };
  const usual = (name: string): number => trial.alerts[name]!;
  const silent = (name: string): number => trial.silentStretch ?? usual(name);
  const wait = (what: string, attempt: () => Promise<boolean>, seconds = PATIENCE_SECONDS): Promise<unknown> =>
    eventually(attempt, { what, timeout: seconds * 1000, interval: LOOK_MS });
  const now = (): number => recorder.run().ticks - 1;
  const seen = new Set<string>();
  const tell = process.env['WATCH_TELL'] !== undefined;
  recorder.start();
  try {
    await wait('some scrapes before the fault', async () => now() >= CALM_TICKS);
    expect(await firing(usual), 'before the fault').toEqual([]);
    const began = now();
    try {
      await trial.fault();
      await wait(
        `all of ${names.join(', ')} fire`,
        async () => {
          for (const { alert } of await firing(usual)) seen.add(alert);
          return names.every((name) => seen.has(name));
        },
        trial.patienceSeconds,
      );
    } finally {
      if (tell) console.info([`--- ${names.join(', ')}`, ...measured(recorder, names), ...(await look())].join('\n'));
      console.info(`${now() - began} scrapes after the fault: ${[...seen].join(', ') || 'nothing'} fired`);
      await trial.cure();
    }
    const cured = now();
    let still: readonly Firing[] = [];
    await wait(`${names.join(', ')} fall silent`, async () => (still = await firing(silent)).length === 0).catch(
      (error: unknown) => {
        throw new Error(`still firing: ${still.map(words).join(', ')}`, { cause: error });
      },
    );
    const quiet = now();
    await wait('some scrapes of the silence', async () => now() >= quiet + CALM_TICKS);
    await recorder.stop();
    for (const alert of names) {
      const { source, variant, silentStretch } = trial;
      await record(
        recorder.run(),
        { alert, variant, source, silentStretch, stretch: usual(alert), began, cured },
        folder,
      );
    }
  } finally {
    await recorder.stop();
  }
}

/** A test that tries a fault. `trialOf` runs when the test starts, so it can read what the scene has then. */
export function trial(title: string, scene: () => Scene, trialOf: () => Trial | Promise<Trial>): void {
  test(title, async () => tryIt(scene(), await trialOf()), TRIAL_MS);
}

function words({
  alert,
  labels: { alertname: _, part_of: _p, severity: _v, namespace: _ns, ...labels },
}: Firing): string {
  return `${alert} ${Object.values(labels).join(' ')}`.trim();
}

/** The values that these alerts read in the last scrape. */
function measured(recorder: Recorder, alerts: readonly string[]): string[] {
  const names = new Set(ALERTS.filter(({ name }) => alerts.includes(name)).flatMap(metricsOf));
  return recorder
    .run()
    .series.filter(({ metric }) => names.has(metric))
    .flatMap(({ metric, labels: { namespace: _, instance: _i, ...labels }, values }) => {
      const value = values.findLast((one) => one !== undefined);
      return value === undefined || value === 0 ? [] : [`${metric}${JSON.stringify(labels)} ${value}`];
    });
}
