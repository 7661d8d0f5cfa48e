import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import kafkajs, { type ISocketFactory, type Kafka, type Mechanism, type RetryOptions, type SASLOptions } from 'kafkajs';
import { installCompressions } from './compression.ts';
import './faster-batches.ts';
import { logCreator, type LogEntry } from './logging.ts';
import { passwordMechanism } from './low-level.ts';
import type { KafkaSasl, Settings } from './options.ts';

export interface Client {
  readonly kafka: Kafka;
  /**
   * Ends every connection and prevents new ones. After a timeout of the adapter kafkajs would still repeat the send on
   * new connections, and write a batch that the caller has repeated. So a failed client is retired and not only
   * disconnected.
   */
  retire(): void;
}

/** How long a new connection may take, ms. */
const CONNECT_MS = 3_000;

interface ClientOptions {
  /** How long kafkajs itself retries, ms. */
  readonly retryMs: number;
  onLog?(entry: LogEntry): void;
}

/**
 * A client with its own connections and caches. It gets `retry`, because producers and consumers do not pass theirs on
 * to their clusters.
 */
export function createClient(settings: Settings, options: ClientOptions): Client {
  installCompressions();
  const sockets = new Set<Socket>();
  let retired = false;
  const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (retired) throw new Error('this client was retired');
    const socket = ssl
      ? connectTls(
          { host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl, rejectUnauthorized: true },
          onConnect,
        )
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const kafka = new kafkajs.Kafka({
    brokers: shuffled(settings.brokers),
    clientId: settings.clientId,
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: settings.requestTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    retry: retryFor(options.retryMs),
    socketFactory,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: logCreator(settings.logger, options.onLog),
    ssl: settings.tls === true ? {} : settings.tls,
    sasl: settings.sasl && saslOptions(settings.sasl),
  });
  return {
    kafka,
    retire: () => {
      retired = true;
      // kafkajs fails the waiting requests of a socket only after an error.
      for (const socket of sockets) socket.destroy(new Error('this client was retired'));
    },
  };
}

/** A random first broker spreads the first connections of all processes. */
function shuffled(brokers: readonly string[]): string[] {
  const first = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

const FIRST_MS = 100;
const MAX_MS = 1_000;

/** Retries for about `ms`, with pauses of 100 ms, doubling to 1 s. */
export function retryFor(ms: number): RetryOptions {
  let retries = 0;
  for (let at = 0, step = FIRST_MS; at < ms; at += step, step = Math.min(step * 2, MAX_MS)) retries++;
  return {
    initialRetryTime: FIRST_MS,
    maxRetryTime: MAX_MS,
    factor: 0.2,
    multiplier: 2,
    retries: Math.max(1, retries),
  };
}

function saslOptions(sasl: KafkaSasl): SASLOptions | Mechanism {
  return sasl.mechanism === 'oauthbearer'
    ? { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) }
    : passwordMechanism(sasl);
}
