import { createRequire } from 'node:module';
import type { AuthenticationProviderArgs, Authenticator, Kafka, Mechanism } from 'kafkajs';
import type { KafkaSasl } from './options.ts';

/**
 * Everything that is not public in kafkajs, for version 2.2.4 exactly (its last; package-lock.json pins it). Its public
 * API cannot fetch a range of a partition, stop a waiting fetch, or follow partitions without a group. It cannot
 * request the heads of several topics at once, or commit for a group without joining it. And it cannot ask for a
 * password when a connection needs it. If such an access is wrong, opening the log fails.
 */

export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | undefined>>;
  readonly isControlRecord: boolean;
  /** `timestampType` is 1 where the broker set the time. Message sets of before Kafka 0.11 have no context. */
  readonly batchContext: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly timestampType?: number;
  };
}

export interface FetchedPartition {
  readonly partition: number;
  readonly messages: readonly FetchedMessage[];
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[];
}

interface FetchTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly fetchOffset: string;
    readonly maxBytes: number;
  }[];
}
export interface OffsetTopic {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

export interface FetchRequest {
  readonly isolationLevel: number;
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly topics: readonly FetchTopic[];
}
export interface FetchResponse {
  readonly responses: readonly { topicName: string; partitions: readonly FetchedPartition[] }[];
}

export interface RawBroker {
  /** Unknown for a broker of the configuration that kafkajs has not yet found in the metadata. */
  readonly nodeId?: string | number | null;
  fetch: (request: FetchRequest) => Promise<FetchResponse>;
  /** Two connections. The second is for fetches. */
  readonly connectionPool: {
    readonly pool: readonly { isConnected(): boolean; readonly socket?: { destroy(error: Error): unknown } }[];
  };
  describeGroups(request: {
    groupIds: readonly string[];
  }): Promise<{ groups: readonly { members: readonly unknown[] }[] }>;
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{ responses: readonly OffsetTopic[] }>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly OffsetTopic[];
  }): Promise<unknown>;
}

export interface RawCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  /** Partitions by node id. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker: (node: { nodeId: string }) => Promise<RawBroker>;
  findGroupCoordinator(group: { groupId: string }): Promise<RawBroker>;
  /** The heads of the log, or with `fromBeginning` the first remaining offsets. */
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<readonly OffsetTopic[]>;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  readonly enforceRequestTimeout: boolean;
  readonly inflight: ReadonlyMap<unknown, SentRequest>;
  isConnected(): boolean;
  scheduleRequestTimeoutCheck(): void;
  destroy(): void;
}
interface SentRequest {
  readonly sentAt: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

const PENDING_MS = 10;
/** How often requests without an answer are looked for, ms. */
const UNANSWERED_MS = 250;

/**
 * After its first answer each connection of kafkajs checks every millisecond for waiting requests, because it sets a
 * timer with a negative time. This replacement checks only while requests wait, for a throttling or for other requests.
 */
function restIdleQueues(prototype: RequestQueue): void {
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      Math.max(this.throttledUntil - Date.now(), PENDING_MS),
    );
  };
}

/**
 * kafkajs looks for requests without an answer ten times a second, with a timer of each connection. A process has
 * dozens of connections, so this replacement looks through all of them with one timer.
 */
function shareTimeoutChecks(prototype: RequestQueue): void {
  const queues = new Set<RequestQueue>();
  let timer: NodeJS.Timeout | undefined;
  const { destroy } = prototype;
  const leave = (queue: RequestQueue): void => {
    queues.delete(queue);
    if (queues.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  const look = (): void => {
    const now = Date.now();
    for (const queue of queues) {
      for (const request of queue.inflight.values())
        if (now - request.sentAt > request.requestTimeout) request.timeoutRequest();
      if (!queue.isConnected()) queue.destroy();
    }
  };
  prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    queues.add(this);
    timer ??= setInterval(look, UNANSWERED_MS);
  };
  prototype.destroy = function (this: RequestQueue): void {
    leave(this);
    destroy.call(this);
  };
}

/**
 * The isolation level. Records of uncommitted transactions are not visible, and a head is the end of the committed
 * records.
 */
export const READ_COMMITTED = 1;

const require = createRequire(import.meta.url);
const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
restIdleQueues(prototype);
shareTimeoutChecks(prototype);

type CreateCluster = (options: object) => RawCluster;

function clusterFactory(kafka: Kafka): { readonly of: Record<symbol, CreateCluster>; readonly symbol: symbol } {
  const of = kafka as unknown as Record<symbol, CreateCluster>;
  const symbol = Object.getOwnPropertySymbols(kafka).find((each) => each.description === 'private:Kafka:createCluster');
  if (symbol === undefined || typeof of[symbol] !== 'function')
    throw new Error('this adapter needs kafkajs 2.2.4: a cluster cannot be created');
  return { of, symbol };
}

/** A cluster object as in a consumer of this client. */
export function createCluster(kafka: Kafka): RawCluster {
  const { of, symbol } = clusterFactory(kafka);
  return of[symbol]!({
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    isolationLevel: READ_COMMITTED,
  });
}

/** Calls `found` with each broker object of later consumers of this client, before kafkajs uses it. */
export function onFindBroker(kafka: Kafka, found: (broker: RawBroker) => void): void {
  const { of, symbol } = clusterFactory(kafka);
  const create = of[symbol]!;
  of[symbol] = (options) => {
    const cluster = create(options);
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (node) => {
      const broker = await find(node);
      found(broker);
      return broker;
    };
    return cluster;
  };
}

type FilterAborted = (
  partition: Pick<FetchedPartition, 'messages' | 'abortedTransactions'>,
) => readonly FetchedMessage[];
const filterAborted = require('kafkajs/src/consumer/filterAbortedMessages') as FilterAborted;

/** The messages without control records and without those of aborted transactions. */
export function committedMessages(partition: FetchedPartition): readonly FetchedMessage[] {
  const { messages, abortedTransactions } = partition;
  if (abortedTransactions.length === 0 && !messages.some((message) => message.isControlRecord)) return messages;
  return filterAborted({ messages, abortedTransactions }).filter((message) => !message.isControlRecord);
}

const { errorCodes } = require('kafkajs/src/protocol/error') as { errorCodes: { type: string; message: string }[] };
const errorTypes = new Map(errorCodes.map(({ type, message }) => [message, type]));

/** The protocol's code for a sentence in kafkajs's log; undefined for any other sentence. */
export const protocolError = (sentence: string | undefined): string | undefined => errorTypes.get(sentence ?? '');

type Provider = (credentials: {
  username: string;
  password: string;
}) => (args: AuthenticationProviderArgs) => Authenticator;
const PROVIDERS = { plain: 'plain', 'scram-sha-256': 'scram256', 'scram-sha-512': 'scram512' } as const;

/** kafkajs's own mechanisms with the current password, so that the next connection uses a rotated secret. */
export function passwordMechanism(sasl: Extract<KafkaSasl, { username: string }>): Mechanism {
  const provider = require(`kafkajs/src/broker/saslAuthenticator/${PROVIDERS[sasl.mechanism]}`) as Provider;
  return {
    mechanism: sasl.mechanism,
    authenticationProvider: (args) => ({
      authenticate: async () =>
        provider({ username: sasl.username, password: await sasl.password() })(args).authenticate(),
    }),
  };
}
