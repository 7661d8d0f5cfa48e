import type { MongoClient, MongoClientOptions } from 'mongodb';
import { mongoClient, type MongoOptions, SELECTION_MS, SOCKET_MS } from '../../mongo/client.ts';

export type { MongoOptions } from '../../mongo/client.ts';

export interface MongoViewsOptions extends MongoOptions {
  /**
   * Creates missing views and indexes at `ensure`. Otherwise `ensure` refuses, and `applyViews` creates them. Default
   * false.
   */
  readonly applyIndexes?: boolean;
  /**
   * How long an answer of the registry is cached, ms. Default 1000. A replaced build is kept at least 2.5 times as
   * long.
   */
  readonly registryTtlMs?: number;
}

/** Twice the longest time of a call, because the driver retries once. */
export const deadlineOf = (options: MongoOptions): number =>
  2 * ((options.socketTimeoutMs ?? SOCKET_MS) + (options.serverSelectionTimeoutMs ?? SELECTION_MS));

/** A client that connects at its first use. */
export const clientOf = (options: MongoOptions, overrides: MongoClientOptions = {}): MongoClient =>
  mongoClient(options, {
    appName: options.appName ?? 'provider-access-views',
    waitQueueTimeoutMS: options.serverSelectionTimeoutMs ?? SELECTION_MS,
    ignoreUndefined: true,
    ...overrides,
  });
