import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  baseOf,
  launch,
  memoryOf,
  nodeOf,
  platformFlagsOf,
  platformMallocOf,
  type Launched,
  type PlatformProcess,
} from '@provider-access/cli';
import { eventually, type S3 } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { openGateway, SERVICES, type Gateway, type ServiceName } from './gateway.ts';
import { newSecret, newSigningKeys } from './secrets.ts';

/** Separate processes against one Kafka and one MongoDB behind one gateway, in the form of the standalone's process. */

export interface DeploymentOptions {
  /** Folder for secrets, files, and the names of topics and database. The same folder is the same deployment. */
  readonly dataDir: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** How many instances of each service run side by side. Each next request goes to another one. Default: one. */
  readonly instances?: Partial<Readonly<Record<ServiceName, number>>>;
  readonly onLine?: (line: string) => void;
  /** Folder of the build whose processes run. Default: this one. */
  readonly build?: string;
  /** Default: this process's Node for this build, and for another one its own. */
  readonly node?: string;
  /** Starts a process in another way, for example confined from an image. Default: from the build. */
  readonly spawn?: Spawn;
  /** False: resolves as soon as every listener is bound. */
  readonly untilReady?: boolean;
}
/** A process of a deployment, however it was started. */
export interface Started extends Launched {
  /** Process id of the program itself, which may not be `child`. */
  pid(): number;
  signal(name: NodeJS.Signals): void;
}
interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly onLine?: ((line: string) => void) | undefined;
}
export type Spawn = (role: ServiceName | 'admin' | 'standalone', options: SpawnOptions) => Started;
export interface ServiceProcess extends Started {
  readonly service: ServiceName;
  readonly base: string;
}
/**
 * The end of one instance: its exit code, the time from the signal to its end, and the time from its successor's start
 * until that was ready.
 */
export interface Retired {
  readonly service: ServiceName;
  readonly code: number | string;
  readonly ms: number;
  readonly readyMs: number;
}
export interface Deployment extends PlatformProcess {
  readonly gateway: Gateway;
  readonly processes: () => readonly ServiceProcess[];
  /** Kills one instance with -9 and starts another one for it. */
  replace(process: ServiceProcess): Promise<void>;
  /**
   * Replaces the running processes with those of another build, like a Deployment with maxSurge 1 and maxUnavailable 0.
   * It applies the topics and indexes of that build. Then in each service (with `together` in all at the same time) it
   * starts a new instance, routes to it once it is ready, removes an old one from the routes, and ends that with
   * SIGTERM `drainMs` later.
   */
  roll(
    build: string,
    options?: { readonly apply?: boolean; readonly drainMs?: number; readonly together?: boolean },
  ): Promise<readonly Retired[]>;
}

const ROOT = join(import.meta.dirname, '../..');
/** Only a process that hangs takes so long. */
const START_MS = 300_000;
/** Short, so that others take over within seconds what a killed process held. */
const SESSION_MS = '6000';

function once(file: string, make: () => string): string {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 });
  return file;
}

/** Environment of every process of this deployment. @throws if no engines are named */
export function environment({ dataDir, env }: DeploymentOptions, publicUrl: string): Record<string, string> {
  const { KAFKA_BROKERS, MONGODB_URI } = { ...process.env, ...env };
  if (KAFKA_BROKERS === undefined || MONGODB_URI === undefined)
    throw new Error('KAFKA_BROKERS and MONGODB_URI name no engines: `eval "$(e2e/engines/up)"` brings them');
  mkdirSync(join(dataDir, 'files'), { recursive: true, mode: 0o700 });
  const name = readFileSync(
    once(join(dataDir, 'name'), () => `e2e${randomBytes(5).toString('hex')}`),
    'utf8',
  );
  // Only the addresses of the engines come from outside.
  const inherited = Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR'].flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
  ) as Record<string, string>;
  return {
    ...inherited,
    KAFKA_BROKERS,
    MONGODB_URI,
    PUBLIC_URL: publicUrl,
    LOG_LEVEL: 'warn',
    HOST: '127.0.0.1',
    PORT: '0',
    KAFKA_TOPIC_PREFIX: `${name}.`,
    KAFKA_GROUP_PREFIX: `${name}.`,
    KAFKA_PARTITIONS: '4',
    KAFKA_REPLICATION: '1',
    KAFKA_MIN_INSYNC_REPLICAS: '1',
    KAFKA_SESSION_TIMEOUT_MS: SESSION_MS,
    MONGODB_DATABASE: name,
    FILES: 'fs',
    FILES_DIR: join(dataDir, 'files'),
    TOKEN_SIGNING_KEYS_FILE: once(join(dataDir, 'token-signing-keys.json'), newSigningKeys),
    PAGE_LINK_KEYS_FILE: once(join(dataDir, 'page-link.keys'), newSecret),
    MEMBER_HASH_KEYS_FILE: once(join(dataDir, 'member-hash.keys'), newSecret),
    ADMINISTRATOR_TOKENS_FILE: once(join(dataDir, 'administrator.token'), newSecret),
    PAYER_TOKENS_FILE: once(join(dataDir, 'payer.token'), newSecret),
    MEMBER_PORTAL_TOKENS_FILE: once(join(dataDir, 'member-portal.token'), newSecret),
    ...env,
  };
}

/** Variables of a deployment whose files are in a bucket, under a prefix of their own. */
export const s3Files = (
  s3: Pick<S3, 'bucket' | 'endpoint' | 'accessKeyId' | 'secretAccessKey'>,
): Readonly<Record<string, string>> => ({
  FILES: 's3',
  FILES_DIR: '',
  S3_BUCKET: s3.bucket,
  S3_ENDPOINT: s3.endpoint,
  S3_REGION: 'us-east-1',
  S3_PATH_STYLE: 'true',
  S3_PREFIX: `e2e-${randomUUID()}`,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
});

/** Starts processes of a build without confining them. Services have the settings that the build's image gives them. */
const fromBuild =
  (root: string, node = root === ROOT ? process.execPath : nodeOf(root)): Spawn =>
  (role, { env, args = [], onLine }) => {
    const main = join(root, `services/${role}/dist/main.js`);
    if (!existsSync(main)) throw new Error(`services/${role} is not built: run \`npm run build\``);
    const { flags, malloc } =
      role === 'admin' ? TOOL : { flags: platformFlagsOf(root), malloc: platformMallocOf(root) };
    const launched = launch(node, ['--disable-warning=TimeoutNegativeWarning', ...flags, main, ...args], {
      env: { ...COMPILED, ...malloc, ...env },
      onLine,
    });
    const { child } = launched;
    return { ...launched, pid: () => child.pid!, signal: (name) => void child.kill(name) };
  };
/** The image gives the administration program no settings, because it ends soon. */
const TOOL = { flags: [], malloc: {} };
const spawnOf = (options: Pick<DeploymentOptions, 'build' | 'node' | 'spawn'>): Spawn =>
  options.spawn ?? fromBuild(options.build ?? ROOT, options.node);

/**
 * The output if an engine did not answer: a busy broker is too slow right after its start. The command is repeated, as
 * Kubernetes repeats the chart's job.
 */
const ENGINE_AWAY = 3;
async function runAdmin(
  start: Spawn,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  repeats = 0,
): Promise<string> {
  const admin = start('admin', { env, args });
  const code = await admin.ended;
  if (code === ENGINE_AWAY && repeats > 0) return runAdmin(start, env, args, repeats - 1);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${admin.output.slice(-5).join(' | ')}`);
  return admin.output.join('\n');
}

/**
 * Runs the administration program on the engines of a deployment, like a person.
 * @returns its output; throws unless it ended with 0
 */
export const administer = (options: DeploymentOptions, ...args: string[]): Promise<string> =>
  runAdmin(spawnOf(options), environment(options, 'http://127.0.0.1'), args);

/** Starts one service of a deployment alone, and does not wait until it is ready. */
export const startAlone = (options: DeploymentOptions, service: ServiceName): Started =>
  spawnOf(options)(service, { env: environment(options, 'http://127.0.0.1'), onLine: options.onLine });

async function startService(
  start: Spawn,
  service: ServiceName,
  env: Readonly<Record<string, string>>,
  onLine: ((line: string) => void) | undefined,
  abort?: AbortSignal,
): Promise<ServiceProcess> {
  const started = start(service, { env, onLine });
  const kill = (): void => signal(started, 'SIGKILL');
  abort?.addEventListener('abort', kill);
  const base = await baseOf(started, service, START_MS, kill);
  return { ...started, service, base };
}

/** Does nothing if it has ended. */
function signal(process: Started, name: NodeJS.Signals): void {
  if (process.child.exitCode !== null || process.child.signalCode !== null) return;
  try {
    process.signal(name);
  } catch {
    // It ended at this moment.
  }
}

const ready = ({ base, output = [] }: { readonly base: string; readonly output?: readonly string[] }): Promise<void> =>
  eventually(
    async () => {
      const answer = await fetch(`${base}/health/ready`);
      const text = await answer.text();
      if (answer.status !== 200) throw new Error([text, ...output.slice(-10)].join(' | '));
    },
    { what: `${base} is ready`, timeout: START_MS, interval: 100 },
  );

/** Throws if one of the processes ends. */
const allRun = (processes: readonly ServiceProcess[]): Promise<never> =>
  Promise.race(
    processes.map(async ({ service, ended, output }) => {
      const code = await ended;
      throw new Error(`${service} ended (${code}): ${output.slice(-10).join(' | ')}`);
    }),
  );

/** Applies topics and indexes, starts every service and waits until each is ready. */
export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const gateway = await openGateway({ port: options.port });
  const shared = environment(options, gateway.base);
  let start = spawnOf(options);
  const apply = async (): Promise<void> => {
    await runAdmin(start, shared, ['apply'], 5);
    writeFileSync(join(options.dataDir, 'applied'), '', { mode: 0o600 });
  };
  let processes: ServiceProcess[] = [];
  /** Instances without a route: they are starting or ending. */
  const aside = new Set<ServiceProcess>();
  let build = options.build ?? ROOT;
  /** attribution of the release before needs EXPORT_URL to start, and does not use it behind this gateway. */
  const envOf = (service: ServiceName): Record<string, string> =>
    service === 'attribution' && build !== ROOT ? { ...shared, EXPORT_URL: gateway.base } : shared;
  const route = (): void => {
    const instances = Object.fromEntries(
      SERVICES.map((service) => [
        service,
        processes.filter((p) => p.service === service && !aside.has(p)).map((p) => p.base),
      ]),
    ) as Record<ServiceName, string[]>;
    gateway.route(instances);
  };
  const end = async (name: NodeJS.Signals): Promise<void> => {
    for (const one of processes) signal(one, name);
    await Promise.all(processes.map((p) => p.ended));
    await gateway.close();
  };
  const failed = new AbortController();
  try {
    if (!existsSync(join(options.dataDir, 'applied'))) await apply();
    const starting = SERVICES.flatMap((service) =>
      Array.from({ length: options.instances?.[service] ?? 1 }, async () => {
        processes.push(await startService(start, service, envOf(service), options.onLine, failed.signal));
      }),
    );
    await Promise.all(starting);
    route();
    if (options.untilReady !== false) await Promise.race([ready(gateway), allRun(processes)]);
  } catch (error) {
    failed.abort();
    await end('SIGKILL');
    throw error;
  }
  const succeed = async (old: ServiceProcess, drainMs: number): Promise<Retired> => {
    const starting = performance.now();
    const next = await startService(start, old.service, envOf(old.service), options.onLine);
    aside.add(next);
    processes = [...processes, next];
    await ready(next);
    const readyMs = Math.round(performance.now() - starting);
    aside.delete(next);
    aside.add(old);
    route();
    await new Promise((resolve) => setTimeout(resolve, drainMs));
    const began = performance.now();
    signal(old, 'SIGTERM');
    const code = await old.ended;
    processes = processes.filter((p) => p !== old);
    aside.delete(old);
    return { service: old.service, code, ms: Math.round(performance.now() - began), readyMs };
  };
  const token = (role: string): string => readFileSync(join(options.dataDir, `${role}.token`), 'utf8').trim();
  return {
    base: gateway.base,
    dataDir: options.dataDir,
    pid: processes[0]!.pid(),
    payerToken: token('payer'),
    administratorToken: token('administrator'),
    gateway,
    processes: () => processes,
    // The sum is that of the largest, because each has its own limit.
    memory: () => Math.max(...processes.map((p) => memoryOf(p.pid()))),
    ended: Promise.race(processes.map((p) => p.ended)),
    async replace(one) {
      signal(one, 'SIGKILL');
      await one.ended;
      processes = processes.filter((p) => p !== one);
      route();
      const next = await startService(start, one.service, envOf(one.service), options.onLine);
      processes = [...processes, next];
      await ready(next);
      route();
    },
    async roll(next, { apply: applies = true, drainMs = 1000, together = false } = {}) {
      build = next;
      start = fromBuild(next);
      if (applies) await apply();
      const retired: Retired[] = [];
      const of = async (service: ServiceName): Promise<void> => {
        for (const old of processes.filter((p) => p.service === service)) retired.push(await succeed(old, drainMs));
      };
      if (together) await Promise.all(SERVICES.map(of));
      else for (const service of SERVICES) await of(service);
      return retired;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
