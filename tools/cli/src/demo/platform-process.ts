import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CliError, EXIT } from '../output.ts';

export interface PlatformProcess {
  readonly base: string;
  readonly dataDir: string;
  readonly pid: number;
  readonly payerToken: string;
  readonly administratorToken: string;
  /** Resident memory in bytes; 0 on a system without /proc. */
  memory(): number;
  /** SIGTERM, then waits. */
  stop(): Promise<void>;
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>;
  /** Resolves with the exit code (or signal) if the process ends by itself. */
  readonly ended: Promise<number | string>;
}

const START_MS = 60_000;
/** As in `npm start`: V8's young generation of 16 MB would be a fourth of the process. */
const NODE_FLAGS = ['--max-semi-space-size=8'];
/** As in `npm start`: glibc returns memory instead of keeping what a burst took. */
const MALLOC = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' };
/** The built platform of this checkout. */
const MAIN = join(import.meta.dirname, '../../../../services/standalone/dist/main.js');

/** Starts the process of `npm start` on a free loopback port (or the given one) and waits until it is ready. */
export async function startPlatform(options: {
  dataDir: string;
  port?: number;
  env?: Readonly<Record<string, string>>;
  onLine?: (line: string) => void;
  /** `main.js` of another build. Default: of this checkout. */
  main?: string;
}): Promise<PlatformProcess> {
  const main = options.main ?? MAIN;
  if (!existsSync(main)) throw new CliError(EXIT.usage, 'the platform is not built: run `npm run build`');
  const child: ChildProcess = spawn(process.execPath, [...NODE_FLAGS, main], {
    env: {
      ...MALLOC,
      ...process.env,
      PORT: String(options.port ?? 0),
      HOST: '127.0.0.1',
      PUBLIC_URL: '',
      DATA_DIR: options.dataDir,
      LOG_LEVEL: 'warn',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  const base = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new CliError(
          EXIT.unavailable,
          `the platform did not start within ${START_MS / 1000} s: ${lines.slice(-3).join(' | ')}`,
        ),
      );
    }, START_MS);
    const listen = (stream: NodeJS.ReadableStream): void => {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > 50) lines.shift();
        options.onLine?.(line);
        const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
        if (url !== undefined) {
          clearTimeout(timer);
          resolve(url);
        }
      });
    };
    listen(child.stdout!);
    listen(child.stderr!);
    void ended.then((code) => {
      clearTimeout(timer);
      reject(
        new CliError(EXIT.unavailable, `the platform ended at its start (${code}): ${lines.slice(-3).join(' | ')}`),
      );
    });
  });
  const token = (role: string): string => readFileSync(join(options.dataDir, `${role}.token`), 'utf8').trim();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  return {
    base,
    dataDir: options.dataDir,
    pid: child.pid!,
    payerToken: token('payer'),
    administratorToken: token('administrator'),
    ended,
    memory() {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
      } catch {
        return 0;
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
