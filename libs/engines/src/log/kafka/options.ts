/** Without types of `kafkajs`, so that configuration code does not need it. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      password(): Promise<string> | string;
    }
  | { readonly mechanism: 'oauthbearer'; token(): Promise<string> | string };

/** PEM texts; `true`: the system's trusted authorities. */
export type KafkaTls =
  true | { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly rejectUnauthorized?: boolean };

/** pino's shape. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the adapter counts; names carry no key and no member. */
interface KafkaMetrics {
  /** A send ended; `ms` with the answer. */
  sent?(topic: string, records: number, ms: number, outcome: 'acknowledged' | 'failed'): void;
  /**
   * A consumer joined, was removed from its group, was built again, or found that retention had removed records that
   * its group had not read.
   */
  consumer?(group: string, what: 'joined' | 'rebalanced' | 'rebuilt' | 'retention-loss'): void;
}

/** Where the brokers are and who we are. */
export interface KafkaConnection {
  /** `host:port`, to begin with; the cluster names the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Before every topic name. Default ''. */
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
  /** Before every group name. Default ''. */
  readonly groupPrefix?: string;
  /** Of an inbound (payer) topic; our own topics take twice that and 1 MiB. Default 6 MiB. */
  readonly maxRecordBytes?: number;
  /** Producers; each has one send under way at a time. Default 4. */
  readonly lanes?: number;
  /**
   * Records of one send, bytes; a larger record goes alone. Default 900 KiB: below the limit of a topic without
   * settings.
   */
  readonly batchBytes?: number;
  /** Bytes that may wait for a send; an append beyond that is refused as busy. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** How long an append may take, the tries of a leader change included, ms. Default 30,000. */
  readonly deliveryTimeoutMs?: number;
  /** How long `head`, `read`, `committed` and the start of a subscription try, ms. Default 10,000. */
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
  /**
   * How long a fetch waits at the broker for records, ms. Records end the wait at once, and so does a stop. Default
   * 5,000.
   */
  readonly pollMs?: number;
  /** How often a group commits that it has passed markers of transactions, ms. Default an hour. */
  readonly passEveryMs?: number;
  /** Of a failing handler. Default 50 ms, doubling to 2 s. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  readonly metrics?: KafkaMetrics;
}

/** Options with their defaults. */
export interface Settings extends Required<
  Omit<KafkaLogOptions, 'tls' | 'sasl' | 'logger' | 'metrics' | 'maxRecordBytes'>
> {
  readonly tls: KafkaTls | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly logger: KafkaLogger | undefined;
  readonly metrics: KafkaMetrics;
  readonly maxRecordBytes: number | undefined;
}

const KIB = 1024;

export function settingsOf(options: KafkaLogOptions): Settings {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
  return {
    brokers: options.brokers,
    clientId: options.clientId,
    topicPrefix: options.topicPrefix ?? '',
    groupPrefix: options.groupPrefix ?? '',
    tls: options.tls,
    sasl: options.sasl,
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    connectionTimeoutMs: options.connectionTimeoutMs ?? 3_000,
    logger: options.logger,
    metrics: options.metrics ?? {},
    maxRecordBytes: options.maxRecordBytes,
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
    backoff: options.backoff ?? { firstMs: 50, maxMs: 2_000 },
  };
}
