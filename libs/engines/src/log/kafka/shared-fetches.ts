import { Cluster } from './cluster.ts';
import { boundDecoding } from './compression.ts';
import { FETCH_BYTES } from './fetch-limits.ts';
import { type FetchedPartition, type FetchRequest, type FetchResponse, READ_COMMITTED } from './low-level.ts';
import type { Settings } from './options.ts';

/**
 * How long answers are kept for the other consumers, ms, and how many bytes of them. The records of a consumer that is
 * further behind are fetched again.
 */
const KEPT_MS = 5_000;
const KEPT_BYTES = 32 * 1024 * 1024;
/** Most requests to a broker at the same time. Each has a connection of its own, because a broker answers in order. */
const LANES = 12;

/** A partition and the offset to fetch from. */
interface Wanted {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: string;
  readonly maxBytes: number;
}
interface Kept {
  /** The partition and offset that were asked for. */
  readonly from: number;
  /** Behind the last record. */
  readonly next: number;
  readonly until: number;
  readonly bytes: number;
  readonly partition: FetchedPartition;
}
interface Waiter {
  readonly wanted: ReadonlyMap<string, Wanted>;
  readonly answer: PromiseWithResolvers<FetchResponse>;
}
interface Lane {
  readonly cluster: Cluster;
  /** What the request that is under way asks for. */
  open: ReadonlyMap<string, Wanted> | undefined;
  /** Its request was ended for one that asks for more. */
  isGivenUp: boolean;
}

export interface SharedFetch {
  /** Rejects if the request failed. Then the consumer asks alone, to learn of its own partitions what is wrong. */
  readonly answer: Promise<FetchResponse>;
  /** Ends the wait of this consumer. The request stays open for the next one. */
  leave(): void;
}

const placeOf = ({ topic, partition }: Pick<Wanted, 'topic' | 'partition'>): string => `${topic}/${partition}`;
const keyOf = (wanted: Wanted): string => `${placeOf(wanted)}/${wanted.fetchOffset}`;

/**
 * Fetches for all consumers of a process ([ADR 0092](../../../../../docs/adr/0092-engines-asked-once.md)). Several
 * groups read the same topics. So one request serves all that wait for the same records, and kafkajs decodes them once.
 * Each consumer keeps its group, its offsets and its failures. A consumer that is behind finds its records among the
 * newest answers, or they are fetched again for it.
 */
export class SharedFetches {
  readonly #settings: Settings;
  readonly #now: () => number;
  readonly #brokers = new Map<string, SharedBroker>();

  /** @param now a clock, ms */
  constructor(settings: Settings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  fetch(nodeId: string, { topics }: Pick<FetchRequest, 'topics'>): SharedFetch {
    let broker = this.#brokers.get(nodeId);
    if (broker === undefined) this.#brokers.set(nodeId, (broker = new SharedBroker(this.#settings, nodeId, this.#now)));
    const wanted = topics.flatMap(({ topic, partitions }) => partitions.map((each) => ({ topic, ...each })));
    return broker.fetch(new Map(wanted.map((each) => [keyOf(each), each])));
  }

  close(): void {
    for (const broker of this.#brokers.values()) broker.close();
  }
}

class SharedBroker {
  readonly #settings: Settings;
  readonly #nodeId: string;
  readonly #now: () => number;
  readonly #lanes: Lane[] = [];
  readonly #waiters = new Set<Waiter>();
  /** What nobody waits for now and a consumer wants next. */
  readonly #ahead = new Map<string, Wanted>();
  /** By topic and partition, the oldest first. */
  readonly #kept = new Map<string, Kept[]>();
  #keptBytes = 0;
  readonly #forget = setInterval(() => this.#expire(), KEPT_MS).unref();
  #due: NodeJS.Immediate | undefined;
  /** The last request ended without records. */
  #isIdle = false;
  #closed = false;

  constructor(settings: Settings, nodeId: string, now: () => number) {
    this.#settings = settings;
    this.#nodeId = nodeId;
    this.#now = now;
  }

  fetch(wanted: ReadonlyMap<string, Wanted>): SharedFetch {
    const known = answerOf(wanted, (each) => this.#find(each));
    if (known !== undefined) {
      // Its other partitions are asked for meanwhile, so that they do not wait until it has caught up in these.
      for (const [key, each] of wanted) if (this.#find(each) === undefined) this.#ahead.set(key, each);
      if (this.#ahead.size > 0) this.#askSoon();
      return { answer: Promise.resolve(known), leave: () => undefined };
    }
    const waiter: Waiter = { wanted, answer: Promise.withResolvers() };
    this.#waiters.add(waiter);
    this.#askSoon();
    return { answer: waiter.answer.promise, leave: () => void this.#waiters.delete(waiter) };
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#forget);
    clearImmediate(this.#due);
    for (const { cluster } of this.#lanes) cluster.close();
    this.#kept.clear();
  }

  /** In a later turn, so that consumers that want the same are asked for together. */
  #askSoon(): void {
    if (this.#closed) return;
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#ask();
    });
  }

  /**
   * Asks for everything that a consumer waits for and no open request asks for. After a request without an answer it
   * then asks for what the others ask for, too, so that an idle process comes back to one request.
   */
  #ask(): void {
    const open = new Set(this.#lanes.flatMap((lane) => [...(lane.open?.keys() ?? [])]));
    const all = new Map([...this.#ahead, ...[...this.#waiters].flatMap(({ wanted }) => [...wanted])]);
    this.#ahead.clear();
    const left = new Map([...all].filter(([key]) => !open.has(key)));
    if (this.#isIdle && left.size > 0) for (const [key, each] of all) left.set(key, each);
    this.#isIdle = false;
    let isGivenUp = false;
    while (left.size > 0) {
      let lane = this.#free();
      if (lane === undefined) {
        // What is left is asked for when a request ends. Another one given up would only bring its own wishes back.
        if (isGivenUp) break;
        isGivenUp = true;
        lane = this.#giveUp(left);
      }
      // A request names a partition once. A consumer with another offset of it gets a request of its own.
      const asked = new Map<string, Wanted>();
      const places = new Set<string>();
      for (const [key, each] of left) {
        if (places.has(placeOf(each))) continue;
        places.add(placeOf(each));
        asked.set(key, each);
        left.delete(key);
      }
      lane.open = asked;
      void this.#run(lane, asked);
    }
  }

  #free(): Lane | undefined {
    const free = this.#lanes.find(({ open }) => open === undefined);
    return free ?? (this.#lanes.length < LANES ? this.#new() : undefined);
  }

  #new(): Lane {
    const lane: Lane = { cluster: new Cluster(this.#settings), open: undefined, isGivenUp: false };
    this.#lanes.push(lane);
    return lane;
  }

  /** Ends the oldest request with its connection, so that no consumer waits for the end of others' waits. */
  #giveUp(left: Map<string, Wanted>): Lane {
    const [oldest] = this.#lanes.splice(0, 1);
    oldest!.isGivenUp = true;
    oldest!.cluster.close();
    for (const [key, each] of oldest!.open ?? [])
      if ([...this.#waiters].some(({ wanted }) => wanted.has(key))) left.set(key, each);
    return this.#new();
  }

  async #run(lane: Lane, asked: ReadonlyMap<string, Wanted>): Promise<void> {
    try {
      const { responses } = await this.#request(lane, asked);
      const found = new Map<string, FetchedPartition>();
      for (const { topicName, partitions } of responses)
        for (const each of partitions) if (each.messages.length > 0) found.set(`${topicName}/${each.partition}`, each);
      this.#isIdle ||= found.size === 0;
      for (const each of asked.values()) {
        const partition = found.get(placeOf(each));
        if (partition !== undefined) this.#keep(each, partition);
      }
      this.#serve(asked, found);
    } catch (error) {
      if (lane.isGivenUp) return;
      for (const waiter of this.#waiters)
        if ([...waiter.wanted.keys()].some((key) => asked.has(key))) {
          this.#waiters.delete(waiter);
          waiter.answer.promise.catch(() => undefined); // its consumer may have left
          waiter.answer.reject(error as Error);
        }
    } finally {
      lane.open = undefined;
      if (this.#waiters.size > 0) this.#askSoon();
    }
  }

  #request({ cluster }: Lane, asked: ReadonlyMap<string, Wanted>): Promise<FetchResponse> {
    const topics = Map.groupBy(asked.values(), ({ topic }) => topic);
    return cluster.use(
      'fetching',
      [],
      async (raw) => {
        const broker = await raw.findBroker({ nodeId: this.#nodeId });
        const request = {
          isolationLevel: READ_COMMITTED,
          maxWaitTime: this.#settings.pollMs,
          minBytes: 1,
          maxBytes: FETCH_BYTES,
          topics: [...topics].map(([topic, all]) => ({ topic, partitions: all.map(({ topic: _, ...rest }) => rest) })),
        };
        return boundDecoding(() => broker.fetch(request));
      },
      0,
    );
  }

  #serve(asked: ReadonlyMap<string, Wanted>, found: ReadonlyMap<string, FetchedPartition>): void {
    for (const waiter of this.#waiters) {
      const answer = answerOf(waiter.wanted, (each) => (asked.has(keyOf(each)) ? found.get(placeOf(each)) : undefined));
      if (answer === undefined) continue;
      this.#waiters.delete(waiter);
      waiter.answer.resolve(answer);
    }
  }

  /**
   * The broker names aborted transactions for the requested offset. From a later one on, kafkajs does not see
   * where a transaction ended, and would take committed records for aborted ones.
   */
  #find(wanted: Wanted): FetchedPartition | undefined {
    const offset = Number(wanted.fetchOffset);
    const now = this.#now();
    return this.#kept
      .get(placeOf(wanted))
      ?.findLast(
        ({ from, next, until, partition }) =>
          now < until &&
          (from === offset || (from < offset && offset < next && partition.abortedTransactions.length === 0)),
      )?.partition;
  }

  #keep(wanted: Wanted, partition: FetchedPartition): void {
    const bytes = partition.messages.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
    const next = Number(partition.messages.at(-1)!.offset) + 1;
    const kept = { from: Number(wanted.fetchOffset), next, until: this.#now() + KEPT_MS, bytes, partition };
    const place = placeOf(wanted);
    // Another request may have brought the same records, or fewer of them.
    const [same, others] = [false, true].map((isOther) =>
      (this.#kept.get(place) ?? []).filter(({ from }) => (from !== kept.from) === isOther),
    ) as [Kept[], Kept[]];
    for (const each of same) this.#keptBytes -= each.bytes;
    this.#kept.set(place, [...others, kept]);
    this.#keptBytes += bytes;
    if (this.#keptBytes > KEPT_BYTES) this.#expire();
  }

  /** Forgets what is too old, and the older answer of each partition until the others fit. */
  #expire(): void {
    const now = this.#now();
    do {
      const isFull = this.#keptBytes > KEPT_BYTES;
      for (const [place, all] of this.#kept) {
        const left = all.filter(({ until }, i) => until > now && (i > 0 || !isFull));
        for (const { bytes } of all.filter((each) => !left.includes(each))) this.#keptBytes -= bytes;
        if (left.length > 0) this.#kept.set(place, left);
        else this.#kept.delete(place);
      }
    } while (this.#keptBytes > KEPT_BYTES);
  }
}

/** The answer for one consumer from the partitions that have records; undefined if none has. */
function answerOf(
  wanted: ReadonlyMap<string, Wanted>,
  find: (each: Wanted) => FetchedPartition | undefined,
): FetchResponse | undefined {
  const topics = new Map<string, FetchedPartition[]>();
  for (const each of wanted.values()) {
    const partition = find(each);
    if (partition === undefined) continue;
    const partitions = topics.get(each.topic);
    if (partitions === undefined) topics.set(each.topic, [partition]);
    else partitions.push(partition);
  }
  if (topics.size === 0) return undefined;
  return { responses: [...topics].map(([topicName, partitions]) => ({ topicName, partitions })) };
}
