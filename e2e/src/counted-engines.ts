import {
  kafkaRequest,
  mongoTarget,
  startKafka,
  startMongo,
  tcpProxy,
  type Kafka,
  type Mongo,
  type TcpProxy,
} from '@provider-access/testing';

/** Names of the api keys that a service sends (https://kafka.apache.org/protocol#protocol_api_keys). */
const API: Readonly<Record<number, string>> = {
  0: 'Produce',
  1: 'Fetch',
  2: 'ListOffsets',
  3: 'Metadata',
  8: 'OffsetCommit',
  9: 'OffsetFetch',
  10: 'FindCoordinator',
  11: 'JoinGroup',
  12: 'Heartbeat',
  14: 'SyncGroup',
  18: 'ApiVersions',
};

/**
 * Counts whole messages to an engine. It reads them from the wire, so that no code of the product decides what counts.
 */
export class Counter {
  readonly #counts = new Map<string, { messages: number; bytes: number }>();

  add(name: string, { length }: Buffer): false {
    const { messages, bytes } = this.#counts.get(name) ?? { messages: 0, bytes: 0 };
    this.#counts.set(name, { messages: messages + 1, bytes: bytes + length });
    return false;
  }
  /** The count of messages whose names match. */
  of(name: RegExp): { readonly messages: number; readonly bytes: number } {
    const found = [...this.#counts].flatMap(([known, count]) => (name.test(known) ? [count] : []));
    const sum = (what: 'messages' | 'bytes'): number => found.reduce((total, count) => total + count[what], 0);
    return { messages: sum('messages'), bytes: sum('bytes') };
  }
  clear(): void {
    this.#counts.clear();
  }
  /** The most frequent first. */
  toString(): string {
    const names = [...this.#counts].toSorted(([, a], [, b]) => b.messages - a.messages);
    return names.map(([name, { messages }]) => `${name} ${messages}`).join(', ');
  }
}

/**
 * `Fetch of resources`: the api and the client id, which is the name of the service. A send, a question for heads and a
 * commit also say what they are about: `Produce of resources: pa.records`.
 */
function kafkaName(frame: Buffer): string {
  const length = frame.readInt16BE(12);
  const api = API[kafkaRequest(frame)] ?? `api ${kafkaRequest(frame)}`;
  const service = length < 0 ? 'nobody' : frame.toString('utf8', 14, 14 + length).replace(/^provider-access-/, '');
  if (!['Produce', 'ListOffsets', 'OffsetCommit'].includes(api)) return `${api} of ${service}`;
  const names = frame.toString('latin1', 14, 2_000).matchAll(/e2e[0-9a-f]{10}\.([a-z][a-z0-9./_-]+)/g);
  return `${api} of ${service}: ${[...new Set([...names].map(([, name]) => name))].toSorted().join('+')}`;
}

/** `find resources_records_v1_r1`; `find view_checkpoints of resources_records_v1_r1` */
function mongoName(frame: Buffer): string {
  const target = mongoTarget(frame) ?? 'another message';
  if (!target.endsWith(' view_checkpoints')) return target;
  return `${target} of ${/[a-z]+_[a-z-]+_v\d+_r\d+/.exec(frame.toString('latin1'))?.[0] ?? 'several'}`;
}

/** Kafka and a MongoDB-compatible server that count what every client sends them. */
export interface CountedEngines {
  /** By api and service: `Fetch of resources`. */
  readonly requests: Counter;
  /** By command and collection: `find views`. */
  readonly commands: Counter;
  readonly env: { readonly KAFKA_BROKERS: string; readonly MONGODB_URI: string };
  /** The server itself, for a client that does not count. */
  readonly uncounted: string;
  stop(): Promise<void>;
}

export async function startCountedEngines(): Promise<CountedEngines> {
  const requests = new Counter();
  const commands = new Counter();
  const proxies: TcpProxy[] = [];
  const started: (Kafka | Mongo)[] = [];
  const counted = async (
    protocol: 'kafka' | 'mongo',
    port: number,
    count: (frame: Buffer) => false,
  ): Promise<number> => {
    const proxy = await tcpProxy({ target: { port }, protocol });
    proxy.loseRequests(count);
    proxies.push(proxy);
    return proxy.port;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all(started.map((engine) => engine.stop()));
  };
  try {
    const kafka = await startKafka({
      advertise: (_broker, port) => counted('kafka', port, (frame) => requests.add(kafkaName(frame), frame)),
    });
    started.push(kafka);
    const mongo = await startMongo();
    started.push(mongo);
    const port = await counted('mongo', mongo.port, (frame) => commands.add(mongoName(frame), frame));
    return {
      requests,
      commands,
      env: {
        KAFKA_BROKERS: kafka.brokers.join(),
        MONGODB_URI: `mongodb://127.0.0.1:${port}/?directConnection=true`,
      },
      uncounted: mongo.uri,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
