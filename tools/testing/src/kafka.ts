import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classArchive, fetchKafka, formattedStorage, javaArguments, KAFKA_CLUSTER } from './fetch-kafka.ts';
import { answers, freePort, LOOPBACK } from './ports.ts';
import { baseProperties, type NodePorts } from './kafka-properties.ts';
import { type KafkaSecure, secureListeners } from './kafka-secure.ts';
import { ServerProcess } from './server-process.ts';

export interface KafkaOptions {
  /** 1 (default) or 3 brokers; each is controller too. */
  readonly brokers?: 1 | 3;
  /** Adds listeners with TLS and SASL to the plain one; see `Kafka.secure`. */
  readonly secure?: boolean;
  /** The loopback port that broker `i` gives to clients instead of `port`, on which it listens: the port of a proxy. */
  readonly advertise?: (i: number, port: number) => number | Promise<number>;
  /** Broker properties that win over the usual ones. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Storage and logs; a temporary folder, removed by `stop`, when it is not given. */
  readonly folder?: string;
  /** The brokers outlive this process. */
  readonly detached?: boolean;
  readonly progress?: (line: string) => void;
}

export interface Kafka {
  /** `host:port` of each broker for clients (the advertised one). Broker `i` has node id `i + 1`. */
  readonly brokers: string[];
  /** `host:port` on which each broker listens. */
  readonly direct: string[];
  readonly secure: KafkaSecure | undefined;
  readonly folder: string;
  /** Process ids; undefined for a broker that is not running. */
  pids(): (number | undefined)[];
  /** kill -9 of broker `i`. */
  kill(i?: number): Promise<void>;
  /** SIGTERM of broker `i`. It hands its partitions over first. Without a quorum it is killed after 10 s. */
  stopBroker(i?: number): Promise<void>;
  /** Starts broker `i` again on its data and ports. */
  startBroker(i?: number): Promise<void>;
  /** Ends all brokers and removes a temporary folder. */
  stop(): Promise<void>;
}

/**
 * Apache Kafka in KRaft mode on free loopback ports, ready to serve when this resolves. Fetched by Maven the first
 * time.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  const lib = await fetchKafka(options.progress);
  const archive = await classArchive(lib, async (flags) => {
    const kafka = await launch(lib, {}, flags);
    await kafka.stop();
  });
  return launch(lib, options, archive);
}

async function launch(lib: string, options: KafkaOptions, flags: readonly string[]): Promise<Kafka> {
  const checkpoint = await formattedStorage(lib);
  const count = options.brokers ?? 1;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'provider-access-kafka-'));
  mkdirSync(folder, { recursive: true });
  const nodes: NodePorts[] = [];
  for (let i = 0; i < count; i += 1) {
    const ports = { client: await freePort(), internal: await freePort(), controller: await freePort() };
    nodes.push({ id: i + 1, ...ports, advertised: (await options.advertise?.(i, ports.client)) ?? ports.client });
  }
  const secure = options.secure ? await secureListeners(folder, count) : undefined;
  for (const [i, node] of nodes.entries()) {
    const data = join(folder, `data-${node.id}`);
    mkdirSync(data, { recursive: true });
    if (!existsSync(join(data, 'meta.properties'))) {
      copyFileSync(checkpoint, join(data, 'bootstrap.checkpoint'));
      writeFileSync(
        join(data, 'meta.properties'),
        `version=1\nnode.id=${node.id}\ncluster.id=${KAFKA_CLUSTER}\ndirectory.id=${directoryId(node.id)}\n`,
      );
    }
    const properties = {
      ...baseProperties(node, nodes, data, secure?.listeners[i] ?? []),
      ...secure?.properties,
      ...options.properties,
    };
    writeFileSync(
      join(folder, `server-${node.id}.properties`),
      Object.entries(properties)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
  }

  const running: (ServerProcess | undefined)[] = nodes.map(() => undefined);
  const logFile = (i: number) => join(folder, `broker-${i + 1}.log`);
  const startBroker = async (i = 0) => {
    if (running[i]?.alive) throw new Error(`Kafka broker ${i} already runs.`);
    const before = existsSync(logFile(i)) ? readFileSync(logFile(i), 'utf8').length : 0;
    const server = ServerProcess.start({
      name: `Kafka broker ${i}`,
      command: 'java',
      args: [
        ...javaArguments(lib, ['-Xmx256m', ...LOGGING, ...flags]),
        'kafka.Kafka',
        join(folder, `server-${i + 1}.properties`),
      ],
      logFile: logFile(i),
      temporary: options.folder === undefined ? folder : undefined,
      detached: options.detached,
    });
    running[i] = server;
    const { client } = nodes[i]!;
    await server.ready(
      async () =>
        readFileSync(logFile(i), 'utf8').slice(before).includes('Kafka Server started') && (await answers(client)),
      300_000,
    );
  };
  const stop = async () => {
    // Without a quorum, SIGTERM waits for controllers that have ended.
    await Promise.all(running.map((server) => (count === 1 ? server?.stop(15_000) : server?.kill())));
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await Promise.all(nodes.map((_, i) => startBroker(i)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: nodes.map(({ advertised }) => `${LOOPBACK}:${advertised}`),
    direct: nodes.map(({ client }) => `${LOOPBACK}:${client}`),
    secure: secure?.clients,
    folder,
    pids: () => running.map((server) => (server?.alive ? server.pid : undefined)),
    kill: async (i = 0) => running[i]?.kill(),
    stopBroker: async (i = 0) => running[i]?.stop(),
    startBroker,
    stop,
  };
}

let shared: Promise<Kafka> | undefined;

/** The brokers of KAFKA_BROKERS if that is set, else one broker for this process, which starts at the first call. */
export async function sharedKafka(): Promise<{ brokers: string[] }> {
  const given = process.env.KAFKA_BROKERS;
  if (given) return { brokers: given.split(',').map((broker) => broker.trim()) };
  shared ??= startKafka();
  return shared;
}

/** Quiet except for the line that reports the start. */
const LOGGING = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
];

/** Kafka's Uuid: 16 bytes, base64url. */
function directoryId(node: number): string {
  return Buffer.from(`test-directory-${node}`).toString('base64url');
}
