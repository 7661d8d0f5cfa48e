import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from 'kafkajs';
import type { PlacedRecord } from '../placing.ts';
import { type Appended, EngineUnavailable, RecordTooLarge } from '../port.ts';
import { errorType, unavailable } from './errors.ts';
import { BATCH_BYTES } from './fetch-limits.ts';
import type { Settings } from './options.ts';
import { ProducerLane } from './producer-lane.ts';
import { toMessage, wireBytes } from './records.ts';

/** Number of producers, each with one send at a time. */
const LANES = 4;
/** Bytes of a record batch beside its records. */
const BATCH_OVERHEAD = 100;
const SWEEP_MS = 250;
const CLOSE_MS = 5_000;
/**
 * Most records of one partition in a send, because kafkajs's time for a send grows with the square of their number.
 */
const MAX_RECORDS = 1_000;
/** Most bytes of a send to several partitions, so that none of them waits long for the others. */
const TOGETHER_BYTES = 8 * 1024 * 1024;
/** Records of this size fit into every topic. Larger ones go with others once the topic has accepted such a size. */
const SAFE_BYTES = 900 * 1024;
/**
 * How long a partition waits for others of its topic, ms, if a send to the topic is under way or began less than this
 * time ago.
 */
const GATHER_MS = 10;

/** The records of a call for one partition. */
interface Part {
  /** The results of the whole call. */
  readonly answers: Appended[];
  readonly since: number;
  readonly done: PromiseWithResolvers<void>;
  left: number;
  sending: boolean;
}
interface Item {
  readonly part: Part;
  readonly index: number;
  readonly message: Message;
  readonly bytes: number;
}

interface Queue {
  readonly topic: string;
  readonly name: string;
  readonly partition: number;
  items: Item[];
  sending: boolean;
  /** Why the last send failed; undefined after a success. */
  refusal: string | undefined;
  /**
   * Most bytes of a send before its compression. Lower after the broker refused one as too large, because the topic has
   * another limit. A larger record is sent alone.
   */
  maxBytes: number;
  /** The most bytes of a send that the broker has accepted since the last failure. */
  accepted: number;
  /** When its first record began to wait for a send. */
  since: number;
}

/** Sends of a topic. */
interface Pace {
  open: number;
  begun: number;
}

/** A partition with the records that it sends. */
interface Send {
  readonly queue: Queue;
  readonly items: readonly Item[];
}

const bytesOf = (items: readonly Item[]): number => items.reduce((sum, { bytes }) => sum + bytes, BATCH_OVERHEAD);

/**
 * Appends records by several producers, the lanes. Records that arrive during a send for their partition wait, and the
 * next send takes all of them. A partition uses one lane at a time, so its records keep the order of the calls.
 *
 * Partitions of one leader go in one request, because each request costs the broker and its consumers a fetch. A
 * partition goes alone at first and after a failure: its broker refuses the whole request for it, and the error does
 * not say which partition it is about.
 */
export class Appender {
  readonly #settings: Settings;
  readonly #queues = new Map<string, Queue>();
  #ready: Queue[] = [];
  readonly #paces = new Map<string, Pace>();
  readonly #leader: (topic: string, partition: number) => string | undefined;
  #next: NodeJS.Immediate | undefined;
  #gathering: NodeJS.Timeout | undefined;
  readonly #idle: ProducerLane[];
  readonly #lanes: readonly ProducerLane[];
  #waiting = 0;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param leader the node that leads a partition, if that is known */
  constructor(settings: Settings, leader: (topic: string, partition: number) => string | undefined) {
    this.#settings = settings;
    this.#leader = leader;
    this.#lanes = Array.from({ length: LANES }, () => new ProducerLane(settings));
    this.#idle = [...this.#lanes];
  }

  /**
   * `placed` are checked records with their partitions. A call ends only when each of its partitions has a result, so
   * that a repeated call never overlaps with its first try.
   */
  async append(topic: string, placed: readonly PlacedRecord[]): Promise<readonly Appended[]> {
    const sizes = placed.map(({ record }) => wireBytes(record));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#closed) throw new EngineUnavailable('the log is closed');
    // A call that alone exceeds the limit is accepted if nothing else waits.
    if (this.#waiting > 0 && this.#waiting + bytes > this.#settings.maxQueuedBytes)
      throw new EngineUnavailable('Kafka: busy: too many bytes wait to be appended');
    this.#waiting += bytes;
    const answers = new Array<Appended>(placed.length);
    const parts = new Map<number, Part>();
    placed.forEach(({ record, partition }, index) => {
      let part = parts.get(partition);
      if (part === undefined) {
        part = { answers, since: performance.now(), done: Promise.withResolvers(), left: 0, sending: false };
        parts.set(partition, part);
      }
      part.left++;
      const message = toMessage(record, partition);
      this.#queue(topic, partition).items.push({ part, index, message, bytes: sizes[index]! });
    });
    for (const partition of parts.keys()) this.#offer(this.#queue(topic, partition));
    this.#sweep ??= setInterval(() => this.#giveUp(), SWEEP_MS);
    // Calls of the same turn go together.
    this.#next ??= setImmediate(() => this.#start());
    const results = await Promise.allSettled([...parts.values()].map(({ done }) => done.promise));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return answers;
  }

  /** Waits for the sends that are under way, but only for a limited time. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const queue of this.#queues.values())
      this.#fail(queue, queue.items.splice(0), new EngineUnavailable('the log was closed'));
    this.#ready = [];
    clearImmediate(this.#next);
    clearTimeout(this.#gathering);
    clearInterval(this.#sweep);
    const deadline = performance.now() + CLOSE_MS;
    while (performance.now() < deadline && [...this.#queues.values()].some(({ sending }) => sending)) await sleep(5);
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #queue(topic: string, partition: number): Queue {
    const key = `${topic}/${partition}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      const name = this.#settings.topicPrefix + topic;
      const none = { items: [], sending: false, refusal: undefined, accepted: 0, since: 0 };
      queue = { topic, name, partition, maxBytes: BATCH_BYTES, ...none };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  #offer(queue: Queue): void {
    if (queue.sending || queue.items.length === 0 || this.#ready.includes(queue)) return;
    queue.since = performance.now();
    this.#ready.push(queue);
  }

  #start(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    while (this.#idle.length > 0 && this.#ready.length > 0 && !this.#closed) {
      const waits = this.#ready.map((queue) => this.#waitOf(queue));
      const first = this.#ready[waits.findIndex((ms) => ms <= 0)];
      if (first === undefined) {
        this.#gathering = setTimeout(() => this.#start(), Math.ceil(Math.min(...waits)));
        return;
      }
      const sends = this.#together(first).map((queue): Send => {
        queue.sending = true;
        return { queue, items: this.#take(queue) };
      });
      const lane = this.#idle.pop()!;
      const paces = [...new Set(sends.map(({ queue }) => queue.topic))].map((topic) => this.#begun(topic));
      void this.#send(lane, sends).finally(() => {
        for (const pace of paces) pace.open--;
        for (const { queue } of sends) {
          queue.sending = false;
          this.#offer(queue);
        }
        this.#idle.push(lane);
        if (this.#waiting === 0) {
          clearInterval(this.#sweep);
          this.#sweep = undefined;
        }
        this.#start();
      });
    }
  }

  #begun(topic: string): Pace {
    const pace = this.#paces.get(topic) ?? { open: 0, begun: 0 };
    this.#paces.set(topic, pace);
    pace.open++;
    pace.begun = performance.now();
    return pace;
  }

  /** How long a partition waits for others of its topic from now on, ms. */
  #waitOf(queue: Queue): number {
    const pace = this.#paces.get(queue.topic);
    if (pace === undefined || !this.#mayJoin(queue)) return 0;
    const now = performance.now();
    return pace.open > 0 || now - pace.begun < GATHER_MS ? queue.since + GATHER_MS - now : 0;
  }

  /** Whether the broker will most likely accept what the partition sends next, so that others may go with it. */
  #mayJoin(queue: Queue): boolean {
    if (queue.accepted === 0) return false;
    return Math.min(bytesOf(queue.items), queue.maxBytes) <= Math.max(queue.accepted, SAFE_BYTES);
  }

  /** Takes a partition, and all that may go with it, off the ready ones. */
  #together(first: Queue): readonly Queue[] {
    const leader = this.#leader(first.topic, first.partition);
    const chosen = [first];
    let bytes = Math.min(bytesOf(first.items), first.maxBytes);
    if (leader !== undefined && this.#mayJoin(first)) {
      for (const queue of this.#ready) {
        const more = Math.min(bytesOf(queue.items), queue.maxBytes);
        if (queue === first || bytes + more > TOGETHER_BYTES || !this.#mayJoin(queue)) continue;
        if (this.#leader(queue.topic, queue.partition) !== leader) continue;
        chosen.push(queue);
        bytes += more;
      }
    }
    this.#ready = this.#ready.filter((queue) => !chosen.includes(queue));
    return chosen;
  }

  async #send(lane: ProducerLane, all: readonly Send[]): Promise<void> {
    const sends = all.filter(({ items }) => items.length > 0);
    if (sends.length === 0) return;
    for (const { items } of sends) for (const { part } of items) part.sending = true;
    const since = Math.min(...sends.map(({ items }) => items[0]!.part.since));
    const timeout = Math.max(1_000, this.#settings.deliveryTimeoutMs - (performance.now() - since));
    try {
      const bases = await lane.sendAll(
        sends.map(({ queue: { name, partition }, items }) => ({
          topic: name,
          partition,
          messages: items.map(({ message }) => message),
        })),
        timeout,
      );
      sends.forEach((send, i) => this.#sent(send, bases[i]!));
    } catch (error) {
      for (const send of sends) this.#failed(send, error, sends.length > 1);
    }
  }

  #sent({ queue, items }: Send, base: number): void {
    queue.refusal = undefined;
    queue.accepted = Math.max(queue.accepted, bytesOf(items));
    items.forEach(({ part, index, bytes }, i) => {
      part.answers[index] = { partition: queue.partition, offset: base + i };
      this.#waiting -= bytes;
      part.sending = false;
      if (--part.left === 0) part.done.resolve();
    });
  }

  /** `together`: the error may be about another partition, and what this one sent may have been written. */
  #failed({ queue, items }: Send, error: unknown, together: boolean): void {
    queue.refusal = errorType(error);
    queue.accepted = 0;
    const tooLarge = !together && ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(errorType(error));
    // Only this refusal proves that nothing was written.
    if (tooLarge && items.length > 1) {
      queue.maxBytes = bytesOf(items) / 2;
      for (const { part } of items) part.sending = false;
      queue.items.unshift(...items);
    } else if (tooLarge) {
      this.#fail(
        queue,
        items,
        new RecordTooLarge(
          `the broker refuses a record as too large for ${queue.topic}: raise max.message.bytes of the topic`,
          items[0]!.index,
        ),
      );
    } else {
      this.#fail(queue, items, unavailable(`appending to ${queue.topic}/${queue.partition}`, error));
    }
  }

  /** The next send: as many whole parts as fit. A part that alone exceeds a send is split. */
  #take(queue: Queue): Item[] {
    const { items, maxBytes } = queue;
    let bytes = BATCH_OVERHEAD;
    let count = 0;
    let whole = 0;
    while (count < items.length && count < MAX_RECORDS && (count === 0 || bytes + items[count]!.bytes <= maxBytes)) {
      bytes += items[count++]!.bytes;
      if (count === items.length || items[count]!.part !== items[count - 1]!.part) whole = count;
    }
    return items.splice(0, whole > 0 ? whole : count);
  }

  /** Ends the parts of these items, and removes their waiting records. */
  #fail(queue: Queue, items: readonly Item[], error: Error): void {
    const parts = new Set(items.map(({ part }) => part));
    const dropped = queue.items.filter(({ part }) => parts.has(part));
    if (dropped.length > 0) queue.items = queue.items.filter(({ part }) => !parts.has(part));
    for (const { bytes } of [...items, ...dropped]) this.#waiting -= bytes;
    for (const part of parts) part.done.reject(error);
  }

  /** Fails the calls whose records waited too long and were never sent, while lanes still try other sends. */
  #giveUp(): void {
    const before = performance.now() - this.#settings.deliveryTimeoutMs;
    for (const queue of this.#queues.values()) {
      const late = (item: Item): boolean => item.part.since < before && !item.part.sending;
      const gone = queue.items.filter(late);
      if (gone.length === 0) continue;
      queue.items = queue.items.filter((item) => !late(item));
      const why = queue.refusal === undefined ? '' : ` (${queue.refusal})`;
      const what = `appending to ${queue.topic}/${queue.partition}: no broker accepted it in time${why}`;
      this.#fail(queue, gone, new EngineUnavailable(`Kafka: ${what}`));
    }
  }
}
