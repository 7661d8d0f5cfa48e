import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { baseOf, bulkExport, itemOf, launch, PLATFORM_FLAGS, PLATFORM_MALLOC, Server } from '@provider-access/cli';
import { layOut } from '@provider-access/image';
import { syntheticPayer } from '@provider-access/synthetic';
import { startEngines } from '@provider-access/testing';
import { environment, startDeployment, type Deployment, type DeploymentOptions, type Spawn } from '../deployment.ts';
import { SERVICES, type ServiceName } from '../gateway.ts';
import { largest } from '../payers.ts';
import { publishItems, viewsCaughtUp } from '../road.ts';
import { load } from './load.ts';
import { AS_OF, appOf, sample, targetsOf } from './measures.ts';
import { watchMemory } from './processes.ts';
import { median, note, type Row } from './rows.ts';

export interface StartsBench {
  readonly runs: number;
  readonly members: number;
  readonly seconds: number;
}

/** Pause before memory at rest is measured, ms, so that garbage of the start is collected. */
const REST_MS = 10_000;
const NEST = 'bare Nest on Fastify';

/**
 * Measures services from the image's files on real engines: the time from the process to ready and from SIGTERM to its
 * end, as one more instance beside running ones, and its memory at rest and under load. In turn with them it measures a
 * bare Node process, and a Nest application on Fastify with one route.
 */
export async function benchStarts({ runs, members, seconds }: StartsBench): Promise<Row[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-starts-'));
  const root = join(scratch, 'image');
  note('laying the image out');
  layOut({ checkout: join(import.meta.dirname, '../../..'), out: root });
  const engines = await startEngines({ progress: note });
  const { KAFKA_BROKERS, MONGODB_URI } = engines.env as Record<'KAFKA_BROKERS' | 'MONGODB_URI', string>;
  const options: DeploymentOptions = {
    dataDir: join(scratch, 'data'),
    env: { KAFKA_BROKERS, MONGODB_URI, EXPORT_POLLS_PER_MINUTE: '100000' },
    spawn: fromImage(root),
  };
  let platform: Deployment | undefined;
  try {
    platform = await startDeployment(options);
    const env = environment(options, platform.base);
    const starts = await startRows(root, env, runs, scratch);
    return [...starts, ...(await memoryRows(root, platform, { members, seconds, folder: join(scratch, 'files') }))];
  } finally {
    await platform?.kill();
    await engines.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs roles from the root filesystem of the image. */
const fromImage =
  (root: string): Spawn =>
  (role, { env, args = [], onLine }) => {
    const command = [join(root, 'app/bin/provider-access'), role, ...args];
    const launched = launch(join(root, 'usr/local/bin/node'), command, { env, onLine });
    const { child } = launched;
    return { ...launched, pid: () => child.pid!, signal: (name) => void child.kill(name) };
  };

const PATIENCE_MS = 120_000;
const LOOK_MS = 10;

/** Starts a role and ends it. @returns ms from its start until it is live and ready, and from SIGTERM to its end */
async function timesOf(
  root: string,
  role: ServiceName | 'standalone',
  env: Readonly<Record<string, string>>,
): Promise<{ readonly live: number; readonly ready: number; readonly end: number }> {
  const began = performance.now();
  const since = (): number => performance.now() - began;
  const started = fromImage(root)(role, { env });
  const base = await baseOf(started, role, PATIENCE_MS, () => started.signal('SIGKILL'));
  const answered = async (path: string): Promise<number> => {
    for (;;) {
      const answer = await fetch(`${base}${path}`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) return since();
      if (since() > PATIENCE_MS)
        throw new Error(
          `${role} was not ready within ${PATIENCE_MS / 1000} s: ${started.output.slice(-5).join(' | ')}`,
        );
      await sleep(LOOK_MS);
    }
  };
  const live = await answered('/health/live');
  const ready = await answered('/health/ready');
  const stopping = performance.now();
  started.signal('SIGTERM');
  const code = await started.ended;
  if (code !== 0) throw new Error(`${role} ended with ${code} after SIGTERM`);
  return { live, ready, end: performance.now() - stopping };
}

async function startRows(
  root: string,
  env: Readonly<Record<string, string>>,
  runs: number,
  scratch: string,
): Promise<Row[]> {
  const times = new Map<string, number[]>();
  const add = (what: string, ms: number): void => void times.set(what, [...(times.get(what) ?? []), ms]);
  for (let run = 1; run <= runs; run += 1) {
    note(`starts, ${run} of ${runs}`);
    for (const service of SERVICES) {
      add('bare Node', bareNode(root));
      const nest = await bareNest(root);
      add(NEST, nest.ms);
      nest.end();
      const times = await timesOf(root, service, env);
      add(`${service}, listening`, times.live);
      add(`${service}, ready`, times.ready);
      add(`${service}, from SIGTERM to its end`, times.end);
    }
    const standalone = await timesOf(root, 'standalone', {
      PORT: '0',
      HOST: '127.0.0.1',
      DATA_DIR: join(scratch, `standalone-${run}`),
      LOG_LEVEL: 'warn',
    });
    add('standalone in a fresh folder, ready', standalone.ready);
  }
  const nest = median(times.get(NEST)!);
  return [...times].map(([what, all]) => ({
    what,
    value: median(all),
    unit: `ms (${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)})`,
    ...(what.endsWith('ready') && { baseline: NEST, ratio: median(all) / nest }),
  }));
}

async function memoryRows(
  root: string,
  platform: Deployment,
  options: { readonly members: number; readonly seconds: number; readonly folder: string },
): Promise<Row[]> {
  const nest = await bareNest(root);
  const processes = platform.processes().map((one) => ({ name: one.service, pid: one.pid() }));
  note('memory at rest');
  await sleep(REST_MS);
  const glance = async (): Promise<Readonly<Record<string, number>>> => {
    const stop = watchMemory([...processes, { name: NEST, pid: nest.pid }]);
    await sleep(1000);
    return stop().each;
  };
  const rest = await glance();
  nest.end();
  note('memory under load: intake, reads, export');
  const watched = watchMemory(processes);
  await work(platform, options);
  const busy = watched().each;
  const row = (what: string, value: number): Row => ({
    what,
    value,
    unit: 'MB',
    baseline: NEST,
    ratio: value / rest[NEST]!,
  });
  return [
    { what: `${NEST}, memory at rest`, value: rest[NEST]!, unit: 'MB' },
    ...SERVICES.map((service) => row(`${service}, memory at rest`, rest[service]!)),
    ...SERVICES.map((service) => row(`${service}, most memory under load`, busy[service]!)),
  ];
}

/** A payer's intake, then a provider's export, and reads as fast as they are answered. */
async function work(
  platform: Deployment,
  { members, seconds, folder }: { readonly members: number; readonly seconds: number; readonly folder: string },
): Promise<void> {
  const payer = syntheticPayer({ seed: 'bench', members, asOf: AS_OF });
  await publishItems(platform, [...payer.events()].map(itemOf));
  await viewsCaughtUp(platform);
  const { app, group } = await appOf(platform, largest(payer));
  const server = new Server(platform.base);
  const { files } = await bulkExport({ server, token: () => app.tokens.get(), group, out: folder, pollMs: 50 });
  const { lines } = await sample(files.filter((file) => file.kind === 'output'));
  await load({
    base: platform.processes().find(({ service }) => service === 'resources')!.base,
    targets: targetsOf(lines),
    token: await app.tokens.get(),
    connections: 16,
    seconds,
  });
}

/** ms in which Node starts and ends. */
function bareNode(root: string): number {
  const began = performance.now();
  spawnSync(join(root, 'usr/local/bin/node'), ['-e', '0'], { env: {} });
  return performance.now() - began;
}

const BARE_NEST = `
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
class Bare { get() { return 'ok'; } }
Get('live')(Bare.prototype, 'get', Object.getOwnPropertyDescriptor(Bare.prototype, 'get'));
Controller('health')(Bare);
class Root {}
Module({ controllers: [Bare] })(Root);
const app = await NestFactory.create(Root, new FastifyAdapter(), { logger: false });
await app.listen(0, '127.0.0.1');
console.log('listening on http://127.0.0.1:' + app.getHttpServer().address().port);`;

/** ms until the first answer of an application with one route, with the packages and flags of the image. */
async function bareNest(root: string): Promise<{ readonly ms: number; readonly pid: number; end(): void }> {
  const began = performance.now();
  const child = spawn(join(root, 'usr/local/bin/node'), [...PLATFORM_FLAGS, '--input-type=module', '-e', BARE_NEST], {
    cwd: join(root, 'app'),
    env: PLATFORM_MALLOC,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const base = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => resolve(text.toString().trim().replace('listening on ', '')));
    child.once('exit', (code) => reject(new Error(`the bare application ended with ${code}`)));
  });
  await (await fetch(`${base}/health/live`)).text();
  return { ms: performance.now() - began, pid: child.pid!, end: () => void child.kill('SIGKILL') };
}
