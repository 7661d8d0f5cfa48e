import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syntheticPayer } from '@provider-access/synthetic';
import {
  eventually,
  startKafka,
  startMongo,
  tcpProxy,
  type Kafka,
  type Mongo,
  type TcpProxy,
} from '@provider-access/testing';
import { startDeployment, type Deployment, type DeploymentOptions } from '../deployment.ts';
import { largest } from '../payers.ts';
import { AS_OF, http, publishAll, registerApp, type TestApp } from '../road.ts';
import { sourcesOf } from './recorder.ts';
import type { Scene } from './tried.ts';

/** The data from the beginning are history. Events of tests may have waited for days. */
const SINCE = (): string => new Date(Date.now() - 7 * 24 * 3_600_000).toISOString();
const PAYER = { seed: 'watched', members: 12, asOf: AS_OF };

/** Five services on engines of their own behind proxies, with some data, an app, and a little traffic all the time. */
export interface World extends Scene {
  readonly platform: Deployment;
  readonly kafka: Kafka;
  readonly mongo: Mongo;
  readonly kafkaProxy: TcpProxy;
  readonly mongoProxy: TcpProxy;
  readonly app: TestApp;
  /** The folder of export's files, on a volume. */
  readonly files: string;
  readonly npi: string;
  /** Ids of members that the app sees. */
  readonly members: readonly string[];
  close(): Promise<void>;
}

export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-watch-'));
  const payer = syntheticPayer(PAYER);
  const organization = largest(payer);
  const closing: (() => Promise<unknown> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const lines: string[] = [];
  try {
    let kafkaProxy: TcpProxy | undefined;
    const kafka = await startKafka({
      advertise: async (_broker, port) =>
        (kafkaProxy = await tcpProxy({ target: { host: '127.0.0.1', port }, protocol: 'kafka' })).port,
    });
    closing.push(
      () => kafka.stop(),
      () => kafkaProxy!.close(),
    );
    const mongo = await startMongo();
    const mongoProxy = await tcpProxy({ target: { host: '127.0.0.1', port: mongo.port }, protocol: 'mongo' });
    closing.push(
      () => mongo.stop(),
      () => mongoProxy.close(),
    );
    const files = join(folder, 'volume/files');
    mkdirSync(files, { recursive: true });
    const platform = await deployed({
      dataDir: join(folder, 'data'),
      onLine: (line) => lines.push(line),
      env: {
        KAFKA_BROKERS: kafka.brokers.join(),
        MONGODB_URI: `mongodb://127.0.0.1:${mongoProxy.port}/?directConnection=true`,
        FILES_DIR: files,
        EXPORT_POLLS_PER_MINUTE: '1000000',
        EXPORT_KICK_OFFS_PER_HOUR: '1000',
        EXPORT_RUNNING_PER_CLIENT: '100',
        AUTH_TOKENS_PER_MINUTE: '100000',
        SERVICE_LEVELS_SINCE: SINCE(),
        // A process that gets little time on a busy machine must not count as gone.
        KAFKA_SESSION_TIMEOUT_MS: '20000',
        ...env,
      },
    });
    closing.push(() => platform.kill());
    // Events that are sent again have no effect.
    await eventually(() => publishAll(platform, payer.events()), {
      what: 'the events of the payer are published',
      timeout: 600_000,
    });
    const app = await registerApp(platform, { name: 'Watched', npi: organization.npi, tin: organization.tin });
    const members = organization.visible.map(({ member }) => member);
    const traffic = drive(platform, app, members);
    closing.push(() => traffic.stop());
    return {
      platform,
      kafka,
      mongo,
      kafkaProxy: kafkaProxy!,
      mongoProxy,
      app,
      folder,
      files,
      npi: organization.npi,
      members,
      sources: () => sourcesOf(platform.processes()),
      ready: () =>
        fetch(`${platform.base}/health/ready`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      look: async () => [`a read: ${traffic.answered()}`, ...(await lookAt(platform, lines))],
      close: async () => {
        for (const close of closing.splice(0).reverse()) await close();
      },
    };
  } catch (error) {
    for (const close of closing.reverse()) await close();
    throw error;
  }
}

/** On a busy machine, a broker that has just started may not be registered yet, or may not answer in time. */
async function deployed(options: DeploymentOptions, tries = 10): Promise<Deployment> {
  try {
    return await startDeployment(options);
  } catch (error) {
    if (tries === 1 || !/INVALID_REPLICATION_FACTOR|cannot be reached or did not answer/.test(String(error)))
      throw error;
    await sleep(2000);
    return deployed(options, tries - 1);
  }
}

/** Readiness of each process, and its last log lines. */
async function lookAt(platform: Deployment, logged: string[]): Promise<readonly string[]> {
  const lines = logged.splice(0).map((line) => line.replace(/"time":"[^"]*",?/, ''));
  const readiness = await Promise.all(
    platform.processes().map(
      async ({ service, base }) =>
        `${service}: ${await fetch(`${base}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
          (answer) => answer.text(),
          (error: unknown) => String(error),
        )}`,
    ),
  );
  return [...readiness, ...[...new Set(lines)].slice(-25)];
}

/** Reads a member and gets a token a few times a second, whatever the answer is. */
function drive(
  platform: Deployment,
  app: TestApp,
  members: readonly string[],
): { stop(): Promise<void>; answered(): string } {
  let running = true;
  let last = '';
  const going = (async () => {
    for (let n = 0; running; n += 1) {
      const token = await app.tokens.get().catch(() => undefined);
      if (token === undefined) last = 'no token';
      else
        await http(`${platform.base}/fhir/Patient/${members[n % members.length]!}`, { token }).then(
          ({ status, body }) => (last = status === 200 ? '200' : `${status} ${body.toString('utf8')}`),
          (error: unknown) => (last = String(error)),
        );
      await sleep(300);
    }
  })();
  return {
    answered: () => last,
    stop: async () => {
      running = false;
      await going;
    },
  };
}
