import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The folder of fetched engines: `$PROVIDER_ACCESS_CACHE`, else `provider-access` in the user's cache folder. */
export function cacheFolder(): string {
  return (
    process.env.PROVIDER_ACCESS_CACHE ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'provider-access')
  );
}

/** For example `kafka-4.3.1-linux-x64`: each version, system and architecture has its own folder. */
export function cacheKey(name: string, version: string): string {
  return `${name}-${version}-${process.platform}-${process.arch}`;
}

/**
 * The file or folder `target`. If it is missing, `make` makes it in a temporary place beside it, and a rename completes
 * it, so that it never exists in part. Waits for another process that makes the same, and takes over from one that
 * died.
 */
export async function cached(target: string, make: (temporary: string) => Promise<void>): Promise<string> {
  mkdirSync(dirname(target), { recursive: true });
  const lock = `${target}.lock`;
  while (!existsSync(target)) {
    if (!take(lock)) {
      await sleep(200);
      continue;
    }
    const temporary = mkdtempSync(`${target}.tmp-`);
    try {
      if (!existsSync(target)) {
        const made = join(temporary, 'made');
        await make(made);
        moveIfAbsent(made, target);
      }
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      rmSync(lock, { recursive: true, force: true });
    }
  }
  return target;
}

/** Two processes that took over from a dead one at the same moment both make it. The second one finds it there. */
function moveIfAbsent(made: string, target: string): void {
  try {
    renameSync(made, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}

/** A lock is a folder with the holder's process id. */
function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = existsSync(join(lock, 'pid')) ? Number(readFileSync(join(lock, 'pid'), 'utf8')) : undefined;
  if (holder !== undefined && holder > 0 && !isAlive(holder)) rmSync(lock, { recursive: true, force: true });
  return false;
}

/**
 * Whether a process with this id runs. A process of another user counts; one that ended and was not yet waited for does
 * not.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    // In a container without an init, an orphan that ended stays as a zombie.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** Whether a program can be started. */
export function has(program: string, args: readonly string[] = ['--version']): boolean {
  const result = spawnSync(program, args, { stdio: 'ignore' });
  return result.error === undefined && result.status === 0;
}

/** Runs a program to its end. If it fails, throws an Error with the end of its output. `progress` gets its lines. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; progress?: (line: string) => void } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    const collect = (chunk: Buffer) => {
      printed += chunk.toString();
      for (const line of chunk.toString().split('\n')) if (line.trim() !== '') options.progress?.(line);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve(printed)
        : reject(
            new Error(
              `${program} ${args[0] ?? ''} failed (${code}):\n${printed.trimEnd().split('\n').slice(-25).join('\n')}`,
            ),
          ),
    );
  });
}

/** Installs a Python package by pip into a folder of its own, with or without what it depends on. */
export const pipInstall = (what: string, target: string, dependencies = false): Promise<string> =>
  run('python3', [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
    ...(dependencies ? [] : ['--no-deps']),
    ...['--target', target, what],
  ]);
