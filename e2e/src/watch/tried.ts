import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { firingAt } from './playback.ts';
import { Recorder } from './recorder.ts';
import type { World } from './world.ts';

/** Time is stretched, so a machine that is busy with other things looks ill: a trial tells nothing there. */
export const IDLE = process.env['WATCH_FAULTS'] === '1';

export interface Trial {
  /** What must fire because of it; what else does is printed. */
  readonly alerts: readonly string[];
  /** A second of the run counts as so many: see `firingAt`. */
  readonly stretch: number;
  readonly fault: () => Promise<unknown>;
  /** How long it lasts, seconds. */
  readonly seconds: number;
  readonly cure: () => Promise<unknown>;
  /** How long after the cure it may take until nobody is told any more, seconds. */
  readonly settles: number;
  /** Where the silence needs longer hours than the alert: stretched by this. */
  readonly silentStretch?: number;
}

const CALM_SECONDS = 8;

/** Causes a fault and cures it while everything is scraped; silent before, the alerts during, silent after. */
export async function tryIt({ platform, folder, said }: World, trial: Trial): Promise<void> {
  const recorder = new Recorder(() => platform.processes());
  const from = said.length;
  await ready(platform);
  recorder.start();
  await sleep(CALM_SECONDS * 1000);
  const begin = Date.now();
  try {
    await trial.fault();
    await sleep(Math.max(0, begin + trial.seconds * 1000 - Date.now()));
  } finally {
    await told(platform, trial, said.slice(from));
    await trial.cure();
  }
  const cured = Date.now();
  await sleep(trial.settles * 1000);
  await recorder.stop();
  const [before, during, after] = await firingAt(recorder, folder, trial.stretch, [begin, cured, Date.now()]);
  const names = (firing: typeof before): string[] => [...new Set(firing!.map(({ alert }) => alert))].sort();
  console.info(`${trial.alerts.join(', ')}: before ${JSON.stringify(names(before))}, fired ${JSON.stringify(during!.map(({ alert, labels: { alertname: _, __name__: _n, alertstate: _s, part_of: _p, severity: _v, namespace: _ns, ...labels } }) => ({ [alert]: labels })))}; after the cure ${JSON.stringify(names(after))}`);
  // What else fires says how busy this machine is: stretched, half a second of age is many.
  for (const alert of trial.alerts) expect(names(before)).not.toContain(alert);
  expect(names(during)).toEqual(expect.arrayContaining([...trial.alerts]));
  const [late] = trial.silentStretch === undefined ? [after] : await firingAt(recorder, folder, trial.silentStretch, [Date.now()]);
  for (const alert of trial.alerts) expect(names(late)).not.toContain(alert);
}

/** On a busy machine what was before may still be felt. */
async function ready({ base }: World['platform']): Promise<void> {
  for (let tries = 0; tries < 480; tries += 1) {
    const answer = await fetch(`${base}/health/ready`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(250);
  }
  throw new Error('the platform is not ready within two minutes');
}

/** What somebody who looks would see, for the runbooks. */
async function told(platform: World['platform'], { alerts }: Trial, lines: readonly string[]): Promise<void> {
  if (process.env['WATCH_TELL'] === undefined) return;
  const readiness = await Promise.all(platform.processes().map(async ({ service, base }) => `${service}: ${await fetch(`${base}/health/ready`, { signal: AbortSignal.timeout(2000) }).then((answer) => answer.text(), (error: unknown) => String(error))}`));
  console.info([`--- ${alerts.join(', ')}`, ...readiness, ...[...new Set(lines.map((line) => line.replace(/"time":"[^"]*",?/, '')))].slice(-25)].join('\n'));
}
