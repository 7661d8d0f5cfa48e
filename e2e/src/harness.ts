import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { memoryOf, Server, startPlatform as startStandalone, type PlatformProcess } from '@provider-access/cli';
import type { SyntheticPayer } from '@provider-access/synthetic';
import { variant } from '@provider-access/testing/variant';
import { COMPILED } from './compiled.ts';
import { startDeployment, type Deployment } from './deployment.ts';
import { startClusterPlatform } from './cluster/platform.ts';
import type { ServiceName } from './gateway.ts';
import { publishPayer } from './payers.ts';
import { isWarm, startWarm } from './warm/client.ts';
import { repeatReads } from './road.ts';
import type { SharedWorld } from './world/context.ts';

export { publishAll, registerApp, type TestApp } from './road.ts';

/** The deployment that scenarios of the suite `world` share. */
export const SHARED: SharedWorld | undefined = inject('world');
/** Processes that have run other platforms before, in `npm`. */
const WARM: string | undefined = inject('warm');
/** True on separate processes over Kafka and MongoDB instead of the standalone. */
export const SEPARATE = variant.deployment === 'processes';
/** True on the installed chart, through its ingress; runs inside `tools/cluster/run`. */
export const IN_CLUSTER = variant.deployment === 'cluster';

export interface StartOptions {
  readonly dataDir: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
  /** A process that runs nothing before. A test needs it that looks at the process, or changes it. */
  readonly own?: boolean;
}
/**
 * The platform of this suite. In `npm` a process runs one platform after the other, unless it needs options of its own.
 * In the long suites two processes of resources and of export run side by side, and each next request goes to another
 * one.
 */
export function startPlatform(options: StartOptions): Promise<PlatformProcess> {
  if (IN_CLUSTER) return startClusterPlatform(options);
  if (SEPARATE) return startDeployment({ ...options, ...(variant.long && { instances: { resources: 2, export: 2 } }) });
  const env = { ...COMPILED, ...options.env };
  const own = WARM === undefined || options.own === true || options.env?.['NODE_OPTIONS'] !== undefined;
  return own ? startStandalone({ ...options, env }) : startWarm(WARM, { ...options, env });
}

/** Base URLs of the processes of one service, without the gateway. */
export function instancesOf(platform: PlatformProcess, service: ServiceName): readonly string[] {
  if (SHARED !== undefined) return SHARED.instances[service];
  if (!SEPARATE) return [platform.base];
  return (platform as Deployment)
    .processes()
    .filter((p) => p.service === service)
    .map((p) => p.base);
}

/**
 * A download for a slow client without the gateway, whose kernel would take many MB of a file before the client reads
 * any. The service cannot take back bytes that it has sent, so this test observes that it sends no more.
 */
export const slowly = (platform: PlatformProcess, url: string): string =>
  SEPARATE ? instancesOf(platform, 'export')[0]! + url.slice(platform.base.length) : url;

export interface Fresh {
  readonly folder: string;
  platform(): PlatformProcess;
  server(): Server;
  /** Not in the suite `world`, whose platform is shared. */
  restart(how: 'kill' | 'stop'): Promise<void>;
  dispose(): Promise<void>;
}
export interface FreshOptions {
  /** As in `StartOptions`. */
  readonly own?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
  /** The shared world has these events already; any other platform gets them here. */
  readonly shared?: SyntheticPayer;
}

/**
 * A platform and a fresh folder, both removed at the end. In the suite `world` the platform is the shared one, and
 * stays.
 */
export async function freshPlatform({ env = {}, onLine, shared, own }: FreshOptions = {}): Promise<Fresh> {
  repeatReads({ unavailable: 60, group: variant.deployment === 'standalone' ? 1 : 60 });
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-e2e-'));
  if (SHARED !== undefined) return attach(SHARED, folder, env);
  const dataDir = join(folder, 'data');
  const options = { dataDir, env, ...(onLine !== undefined && { onLine }), ...(own !== undefined && { own }) };
  let current = await startPlatform(options);
  const port = Number(new URL(current.base).port);
  const dispose = async (): Promise<void> => {
    // A warm process serves the next platform, and any other one is over sooner.
    await (isWarm(current) ? current.stop() : current.kill());
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    if (shared !== undefined) await publishPayer(current, shared);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    folder,
    dispose,
    platform: () => current,
    server: () => new Server(current.base),
    async restart(how) {
      await (how === 'kill' ? current.kill() : current.stop());
      // What survives must be in the folder: no other platform ran in the process before.
      current = await startPlatform({ ...options, port, own: true });
    },
  };
}

function attach(world: SharedWorld, folder: string, env: Readonly<Record<string, string>>): Fresh {
  for (const [name, value] of Object.entries(env)) {
    const found = world.env[name] ?? 'the default';
    if (found !== value) throw new Error(`this scenario needs ${name}=${value}, the shared world has ${found}`);
  }
  const { base, dataDir, payerToken, administratorToken, pids } = world;
  const refuse = (): never => {
    throw new Error('other scenarios use this platform: a test that ends or restarts it runs in another suite');
  };
  const platform: PlatformProcess = {
    base,
    dataDir,
    payerToken,
    administratorToken,
    pid: pids[0]!,
    memory: () => Math.max(...pids.map(memoryOf)),
    ended: new Promise(() => undefined),
    stop: refuse,
    kill: refuse,
  };
  return {
    folder,
    platform: () => platform,
    server: () => new Server(base),
    restart: refuse,
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
