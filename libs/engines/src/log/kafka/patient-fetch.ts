import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { boundDecoding } from './compression.ts';
import { type FetchRequest, type FetchResponse, onFindBroker, type RawBroker } from './low-level.ts';
import type { SharedFetches } from './shared-fetches.ts';

export interface PatientFetchOptions {
  /** How long kafkajs waits in one call of its fetch loop, ms. It sends heartbeats between two calls. */
  readonly sliceMs: number;
  /** How long the broker may wait for records from now on, ms. */
  readonly waitMs: () => number;
  /** The fetches of all consumers of the process. */
  readonly shared: SharedFetches;
}

/** The error of a connection that is ended on purpose. `logging.ts` recognises it. */
const GIVEN_UP = 'this fetch was given up';
/** How long each turn of kafkajs's loop waits after a stop, until kafkajs notices the stop, ms. */
const STOPPED_MS = 20;
/** The most turns of the event loop that kafkajs needs to notice a destroyed connection. */
const TURNS = 100;

const NOTHING: FetchResponse = { responses: [] };

interface Open {
  readonly key: string;
  readonly answer: Promise<FetchResponse>;
}

/**
 * Lets the fetches of one consumer wait for seconds at the broker (ADR 0014). kafkajs sends heartbeats and stops only
 * between two fetches. So each of its calls ends empty after a slice of that time, the request stays open, and the next
 * call waits for the same request. A broker answers the requests of a connection in order, so a request for other
 * partitions or offsets would wait behind the open one. Then the connection for fetches is ended, and the new request
 * opens another.
 */
export class PatientFetch {
  readonly #options: PatientFetchOptions;
  readonly #brokers = new Map<RawBroker, Open | undefined>();
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  constructor(kafka: Kafka, options: PatientFetchOptions) {
    this.#options = options;
    onFindBroker(kafka, (broker) => this.#take(broker));
  }

  /** Ends all waits and all further fetches. */
  stop(): void {
    this.#stopped = true;
    for (const wake of [...this.#waiting]) wake();
    for (const [broker, open] of this.#brokers) if (open !== undefined) endFetches(broker);
  }

  #take(broker: RawBroker): void {
    if (this.#brokers.has(broker)) return;
    this.#brokers.set(broker, undefined);
    const fetch = broker.fetch.bind(broker);
    broker.fetch = (request) => this.#fetch(broker, fetch, request);
  }

  async #fetch(broker: RawBroker, fetch: RawBroker['fetch'], request: FetchRequest): Promise<FetchResponse> {
    if (this.#stopped) {
      await sleep(STOPPED_MS);
      return NOTHING;
    }
    const shared = await this.#shared(broker, request);
    if (shared !== undefined) return shared;
    const key = keyOf(request);
    let open = this.#brokers.get(broker);
    if (open !== undefined && open.key !== key) {
      await giveUp(broker, open);
      open = undefined;
    }
    if (open === undefined) {
      const answer = boundDecoding(() => fetch({ ...request, maxWaitTime: this.#options.waitMs() }));
      answer.catch(() => undefined); // the next call reports a failure between two calls
      this.#brokers.set(broker, (open = { key, answer }));
    }
    try {
      const answer = await this.#within(open.answer);
      if (answer === undefined) return NOTHING;
      this.#brokers.set(broker, undefined);
      return answer;
    } catch (error) {
      this.#brokers.set(broker, undefined);
      throw error;
    }
  }

  /**
   * Waits for a fetch that other consumers may wait for too. Undefined if this consumer has to fetch alone: while its
   * own request is open, and after a failed one, whose error may be about a partition of another consumer.
   */
  async #shared(broker: RawBroker, request: FetchRequest): Promise<FetchResponse | undefined> {
    const { nodeId } = broker;
    if (this.#brokers.get(broker) !== undefined || nodeId === undefined || nodeId === null) return undefined;
    const { answer, leave } = this.#options.shared.fetch(String(nodeId), request);
    try {
      return (await this.#within(answer, Math.min(this.#options.sliceMs, this.#options.waitMs()))) ?? NOTHING;
    } catch {
      return undefined;
    } finally {
      leave();
    }
  }

  /** Undefined if the slice is over or the consumer stops. */
  async #within(answer: Promise<FetchResponse>, ms = this.#options.sliceMs): Promise<FetchResponse | undefined> {
    let wake = (): void => undefined;
    const over = new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
    const timer = setTimeout(wake, ms);
    this.#waiting.add(wake);
    try {
      return await Promise.race([answer, over]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wake);
    }
  }
}

/** Identifies the requested partitions and offsets, in any order. */
const keyOf = ({ topics }: FetchRequest): string =>
  topics
    .flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => `${topic}/${partition}/${fetchOffset}`),
    )
    .sort()
    .join(' ');

async function giveUp(broker: RawBroker, open: Open): Promise<void> {
  endFetches(broker);
  await open.answer.catch(() => undefined);
  for (let turn = 0; turn < TURNS && broker.connectionPool.pool[FETCHES]!.isConnected(); turn++) await nextTurn();
}

/** kafkajs has two connections to each broker: one for fetches, one for everything else. */
const FETCHES = 1;
/** kafkajs fails the waiting request of a socket only after an error. */
const endFetches = (broker: RawBroker): void =>
  void broker.connectionPool.pool[FETCHES]?.socket?.destroy(new Error(GIVEN_UP));
