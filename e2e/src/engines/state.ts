import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '@provider-access/testing';

const repository = join(import.meta.dirname, '../../..');
const folder = join(repository, '.data', 'engines');
const file = join(folder, 'state.json');
const compose = join(repository, 'e2e', 'engines', 'compose.yaml');

/** The processes that `up` started, for `down`. */
export interface State {
  readonly env: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
  /** The profile of compose.yaml that runs, if Docker runs it. */
  readonly profile?: string;
}

/** The folder for data and logs of the engines. */
export function engineFolder(): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

export function remember(state: State): void {
  writeFileSync(join(engineFolder(), 'state.json'), `${JSON.stringify(state, undefined, 2)}\n`);
}

export function remembered(): State | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : undefined;
}

/** Whether a process id still belongs to that engine, because another program may have got the number since. */
export function isEngine(pid: number): boolean {
  return (
    isAlive(pid) &&
    spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(folder)
  );
}

/** Ends what runs and removes its data. Returns how many processes it ended. */
export async function takeDown(): Promise<number> {
  const state = remembered();
  const pids = (state?.pids ?? []).filter(isEngine);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
  if (state?.profile) docker(state.profile, 'down', '--volumes');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return pids.length;
}

/**
 * Runs `docker compose` with the engines' file. Throws if there is no Docker, or if it fails. Its output goes to
 * stderr.
 */
export function docker(profile: string, ...args: string[]): void {
  const result = spawnSync('docker', ['compose', '-f', compose, '--profile', profile, ...args], {
    stdio: ['ignore', 2, 2],
  });
  if (result.error)
    throw new Error('`docker` was not found: leave --docker out, then Maven, Java and Rust are enough.');
  if (result.status !== 0)
    throw new Error(
      '`docker compose` failed, see above. Does the Docker daemon run? Without --docker it is not needed.',
    );
}
