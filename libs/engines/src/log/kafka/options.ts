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
type KafkaTls = true | { readonly ca?: string; readonly cert?: string; readonly key?: string };

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
  /** Prefix of every topic name. */
  readonly topicPrefix?: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** How long one request may take, ms. */
  readonly requestTimeoutMs?: number;
  readonly logger?: KafkaLogger;
}

export interface KafkaLogOptions extends KafkaConnection {
  /** Prefix of every group name. */
  readonly groupPrefix?: string;
  /** Largest record of an inbound (payer) topic; our own topics accept twice that and 1 MiB. Default 6 MiB. */
  readonly maxRecordBytes?: number;
  /** Most bytes that may wait for a send; further appends are refused as busy. */
  readonly maxQueuedBytes?: number;
  /** How long an append may take with all its retries, ms. */
  readonly deliveryTimeoutMs?: number;
  /** How long `head`, `read`, `committed` and the start of a subscription retry, ms. */
  readonly readTimeoutMs?: number;
  /** A consumer without a heartbeat for this time loses its partitions, ms. */
  readonly sessionTimeoutMs?: number;
  /** How long a consumer may take to finish its batch when the group rebalances, ms. At least the session timeout. */
  readonly rebalanceTimeoutMs?: number;
  /** Default a quarter of the session timeout; at most a third of it. */
  readonly heartbeatIntervalMs?: number;
  /** How long a fetch waits at the broker for records or a stop, ms. */
  readonly pollMs?: number;
  /** How often a group commits offsets behind markers of transactions, ms. */
  readonly passEveryMs?: number;
  /** Pauses between tries of a failing handler. */
  readonly backoff?: Backoff;
}

const DEFAULTS = {
  topicPrefix: '',
  groupPrefix: '',
  requestTimeoutMs: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  deliveryTimeoutMs: 30_000,
  readTimeoutMs: 10_000,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  pollMs: 5_000,
  passEveryMs: 60 * 60 * 1000,
  backoff: DEFAULT_BACKOFF,
};

/** Options with their defaults. */
export type Settings = KafkaLogOptions & Readonly<typeof DEFAULTS> & { readonly heartbeatIntervalMs: number };

export function settingsOf(options: KafkaLogOptions): Settings {
  const settings = { ...DEFAULTS, ...options };
  const { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs = Math.ceil(sessionTimeoutMs / 4) } = settings;
  return {
    ...settings,
    rebalanceTimeoutMs: Math.max(rebalanceTimeoutMs, sessionTimeoutMs),
    heartbeatIntervalMs: Math.min(heartbeatIntervalMs, Math.floor(sessionTimeoutMs / 3)),
  };
}
