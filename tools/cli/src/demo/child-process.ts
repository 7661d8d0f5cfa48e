import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError, EXIT } from '../output.ts';

/** A process of the platform that the demo or a test started. */
export interface Launched {
  readonly child: ChildProcess;
  /** The last lines of both streams. */
  readonly output: readonly string[];
  /** Resolves with the URL that the process prints once it listens. */
  readonly listening: Promise<string>;
  /** The exit code or the signal. */
  readonly ended: Promise<number | string>;
}
/** How many lines of output are kept. */
const LINES = 1000;

export function launch(
  command: string,
  args: readonly string[],
  { env, onLine }: { readonly env: NodeJS.ProcessEnv; readonly onLine?: ((line: string) => void) | undefined },
): Launched {
  const child = spawn(command, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  const listening = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      if (output.length > LINES) output.shift();
      onLine?.(line);
      const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) listening.resolve(url);
    });
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  return { child, output, listening: listening.promise, ended };
}

/** The URL at which a process listens. @throws CliError if it ends before, or takes too long; `end` then ends it */
export async function baseOf(
  { output, listening, ended }: Pick<Launched, 'output' | 'listening' | 'ended'>,
  name: string,
  withinMs: number,
  end: () => void,
): Promise<string> {
  const failed = (why: string): never => {
    throw new CliError(EXIT.unavailable, `${name} ${why}: ${output.slice(-5).join(' | ')}`);
  };
  const over = new AbortController();
  const late = delay(withinMs, undefined, { signal: over.signal }).then(() => {
    end();
    return failed(`did not start within ${withinMs / 1000} s`);
  });
  return Promise.race([listening, late, ended.then((code) => failed(`ended at its start (${code})`))]).finally(() =>
    over.abort(),
  );
}

/** Resident memory of a process in bytes; 0 when it has ended, and on a system without /proc. */
export function memoryOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
