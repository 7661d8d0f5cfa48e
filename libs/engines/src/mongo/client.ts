import { MongoClient, type MongoClientOptions, type W } from 'mongodb';

/** The connection to a MongoDB, as plain data that can be cloned to worker threads. */
export interface MongoOptions {
  readonly uri: string;
  readonly database: string;
  /** Default 20. */
  readonly maxPoolSize?: number;
  readonly minPoolSize?: number;
  /** Default `majority`, so that data that was read is never rolled back. */
  readonly readConcern?: 'local' | 'majority' | 'linearizable' | 'available';
  /** Default majority and journalled (in the state store for 5 s). A weaker one can lose acknowledged writes. */
  readonly writeConcern?: { readonly w?: number | string; readonly journal?: boolean; readonly wtimeoutMS?: number };
  readonly tls?: { readonly caFile?: string; readonly certificateKeyFile?: string; readonly allowInvalid?: boolean };
  /** How long a call waits for a primary before it throws EngineUnavailable. Default 2500 ms. */
  readonly serverSelectionTimeoutMs?: number;
  /** How long an answer may take. Default 10 s. The driver's `timeoutMS` has no effect in 7.9. */
  readonly socketTimeoutMs?: number;
  readonly appName?: string;
}

export const SELECTION_MS = 2500;
export const SOCKET_MS = 10_000;

/**
 * How often a pool without a smallest size looks for connections that have ended, ms. The driver looks ten times a
 * second, and has no public option for it. A call that gets such a connection replaces it too.
 */
const SELDOM = { minPoolSizeCheckFrequencyMS: 2000 };

/** A client that connects at its first use. */
export function mongoClient(options: MongoOptions, overrides: MongoClientOptions): MongoClient {
  const { writeConcern, tls, serverSelectionTimeoutMs = SELECTION_MS } = options;
  const client = new MongoClient(options.uri, {
    maxPoolSize: options.maxPoolSize ?? 20,
    minPoolSize: options.minPoolSize ?? 0,
    readPreference: 'primary',
    readConcern: { level: options.readConcern ?? 'majority' },
    writeConcern: { ...writeConcern, journal: writeConcern?.journal ?? true, w: (writeConcern?.w ?? 'majority') as W },
    retryReads: true,
    retryWrites: true,
    serverSelectionTimeoutMS: serverSelectionTimeoutMs,
    connectTimeoutMS: serverSelectionTimeoutMs,
    socketTimeoutMS: options.socketTimeoutMs ?? SOCKET_MS,
    // Monitors poll the server instead of keeping a `hello` open. The driver also checks at once after "not primary"
    // and for every call that waits for a server. So this interval only limits how stale an idle process is.
    serverMonitoringMode: 'poll',
    heartbeatFrequencyMS: 30_000,
    promoteBuffers: true,
    ...(tls && {
      tls: true,
      ...(tls.caFile && { tlsCAFile: tls.caFile }),
      ...(tls.certificateKeyFile && { tlsCertificateKeyFile: tls.certificateKeyFile }),
      ...(tls.allowInvalid && { tlsAllowInvalidCertificates: true }),
    }),
    ...overrides,
  });
  if (client.options.minPoolSize === 0) Object.assign(client.options, SELDOM);
  return client;
}
