import { type Backoff, DEFAULT_BACKOFF } from '../backoff.ts';

/** Without types of `kafkajs`, so that configuration code need not import it. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      password(): Promise<string> | string;
    }
  | { readonly mechanism: 'oauthbearer'; token(): Promise<string> | string };

/** PEM texts. `true` means the trusted authorities of the operating system. */
export type KafkaTls =
  true | { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly rejectUnauthorized?: boolean };

/** pino's shape. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The addresses of the brokers and the identity of the client. */
export interface KafkaConnection {
  /** `host:port` of some brokers. The cluster returns the addresses of the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Prefix of every topic name. Default ''. */
  readonly topicPrefix?: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** How long one request may take, ms. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long a new connection may take, ms. Default 3,000. */
  readonly connectionTimeoutMs?: number;
  readonly logger?: KafkaLogger;
}

export interface KafkaLogOptions extends KafkaConnection {
  /** Prefix of every group name. Default ''. */
  readonly groupPrefix?: string;
  /** Largest record of an inbound (payer) topic; our own topics accept twice that and 1 MiB. Default 6 MiB. */
  readonly maxRecordBytes?: number;
  /** Number of producers, each with one send at a time. Default 4. */
  readonly lanes?: number;
  /** Most bytes of one send; a larger record is sent alone. Default 900 KiB, which is below Kafka's default limit. */
  readonly batchBytes?: number;
  /** Most bytes that may wait for a send; further appends are refused as busy. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** How long an append may take with all its retries, ms. Default 30,000. */
  readonly deliveryTimeoutMs?: number;
  /** How long `head`, `read`, `committed` and the start of a subscription retry, ms. Default 10,000. */
  readonly readTimeoutMs?: number;
  /** A consumer without a heartbeat for this time loses its partitions, ms. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /**
   * How long a consumer may take to finish its batch when the group rebalances, ms. At least the session timeout.
   * Default 60,000.
   */
  readonly rebalanceTimeoutMs?: number;
  /** Default a sixth of the session timeout; at most a third of it. */
  readonly heartbeatIntervalMs?: number;
  /** How long a fetch waits at the broker for records or a stop, ms. Default 5,000. */
  readonly pollMs?: number;
  /** How often a group commits offsets behind markers of transactions, ms. Default an hour. */
  readonly passEveryMs?: number;
  /** Pauses between tries of a failing handler. Default 50 ms, doubling to 2 s. */
  readonly backoff?: Backoff;
}

/** Options with their defaults. */
export type Settings = KafkaLogOptions & Required<Omit<KafkaLogOptions, 'tls' | 'sasl' | 'logger' | 'maxRecordBytes'>>;

const KIB = 1024;

export function settingsOf(options: KafkaLogOptions): Settings {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
  return {
    ...options,
    topicPrefix: options.topicPrefix ?? '',
    groupPrefix: options.groupPrefix ?? '',
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    connectionTimeoutMs: options.connectionTimeoutMs ?? 3_000,
    lanes: options.lanes ?? 4,
    batchBytes: options.batchBytes ?? 900 * KIB,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * KIB * KIB,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 30_000,
    readTimeoutMs: options.readTimeoutMs ?? 10_000,
    sessionTimeoutMs,
    rebalanceTimeoutMs: Math.max(options.rebalanceTimeoutMs ?? 60_000, sessionTimeoutMs),
    heartbeatIntervalMs: Math.min(
      options.heartbeatIntervalMs ?? Math.ceil(sessionTimeoutMs / 6),
      Math.floor(sessionTimeoutMs / 3),
    ),
    pollMs: options.pollMs ?? 5_000,
    passEveryMs: options.passEveryMs ?? 60 * 60 * 1000,
    backoff: options.backoff ?? DEFAULT_BACKOFF,
  };
}
