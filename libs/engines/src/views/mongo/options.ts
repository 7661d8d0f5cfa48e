import { MongoClient } from 'mongodb';
import type { MongoClientOptions } from 'mongodb';

/** Plain data: it is cloned to worker threads. */
export interface MongoOptions {
  readonly uri: string;
  readonly database: string;
  /** Default 20. */
  readonly maxPoolSize?: number;
  readonly minPoolSize?: number;
  /** Of reads. Default `majority`: what is read is never rolled back. */
  readonly readConcern?: 'local' | 'majority' | 'linearizable' | 'available';
  /**
   * Default majority and journalled. Anything less can lose acknowledged writes; the projections then read them from
   * the log again.
   */
  readonly writeConcern?: {
    readonly w?: number | 'majority';
    readonly journal?: boolean;
    readonly wtimeoutMS?: number;
  };
  readonly tls?: { readonly caFile?: string; readonly certificateKeyFile?: string; readonly allowInvalid?: boolean };
  /** How long a call waits for a primary before it throws EngineUnavailable. Default 2500 ms. */
  readonly serverSelectionTimeoutMs?: number;
  /** How long an answer may take. Default 10 s (the driver's `timeoutMS` does nothing in 7.9). */
  readonly socketTimeoutMs?: number;
  readonly appName?: string;
}

export interface MongoViewsOptions extends MongoOptions {
  /**
   * Creates missing views and indexes at `ensure`. Otherwise `ensure` refuses, and `applyViews` creates them. Default
   * false.
   */
  readonly applyIndexes?: boolean;
  /**
   * How long an answer of the registry may be remembered. Default 1000 ms. A replaced build is kept at least two and a
   * half times that.
   */
  readonly registryTtlMs?: number;
}

/** Twice the longest time that the driver allows a call, because the driver retries once. */
export const deadlineOf = (options: MongoOptions): number =>
  2 * ((options.socketTimeoutMs ?? SOCKET_MS) + (options.serverSelectionTimeoutMs ?? SELECTION_MS));

const SELECTION_MS = 2500;
const SOCKET_MS = 10_000;

/** A client that connects at its first use. */
export function clientOf(options: MongoOptions, overrides: MongoClientOptions = {}): MongoClient {
  const { writeConcern, tls } = options;
  return new MongoClient(options.uri, {
    appName: options.appName ?? 'provider-access-views',
    maxPoolSize: options.maxPoolSize ?? 20,
    minPoolSize: options.minPoolSize ?? 0,
    readPreference: 'primary',
    readConcern: { level: options.readConcern ?? 'majority' },
    writeConcern: {
      w: writeConcern?.w ?? 'majority',
      j: writeConcern?.journal ?? true,
      ...(writeConcern?.wtimeoutMS !== undefined && { wtimeoutMS: writeConcern.wtimeoutMS }),
    },
    retryReads: true,
    retryWrites: true,
    serverSelectionTimeoutMS: options.serverSelectionTimeoutMs ?? SELECTION_MS,
    connectTimeoutMS: options.serverSelectionTimeoutMs ?? SELECTION_MS,
    waitQueueTimeoutMS: options.serverSelectionTimeoutMs ?? SELECTION_MS,
    socketTimeoutMS: options.socketTimeoutMs ?? SOCKET_MS,
    // Monitors ask the server and do not keep a `hello` open. The driver asks at once after "not primary" and for every
    // call that waits for a server. So this interval only limits how old the knowledge of an idle process is.
    serverMonitoringMode: 'poll',
    heartbeatFrequencyMS: 30_000,
    ignoreUndefined: true,
    promoteBuffers: true,
    ...(tls !== undefined && {
      tls: true,
      ...(tls.caFile !== undefined && { tlsCAFile: tls.caFile }),
      ...(tls.certificateKeyFile !== undefined && { tlsCertificateKeyFile: tls.certificateKeyFile }),
      ...(tls.allowInvalid !== undefined && { tlsAllowInvalidCertificates: tls.allowInvalid }),
    }),
    ...overrides,
  });
}
