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
/** Most records of one send, because kafkajs's time for a send grows with the square of their number. */
const MAX_RECORDS = 1_000;

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
}

/**
 * Appends records by several producers, the lanes. Records that arrive during a send for their partition wait, and the
 * next send takes all of them. A partition uses one lane at a time, so its records keep the order of the calls.
 */
export class Appender {
  readonly #settings: Settings;
  readonly #queues = new Map<string, Queue>();
  readonly #ready: Queue[] = [];
  readonly #idle: ProducerLane[];
  readonly #lanes: readonly ProducerLane[];
  #waiting = 0;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
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
    this.#start();
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
    this.#ready.length = 0;
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
      queue = { topic, name, partition, items: [], sending: false, refusal: undefined, maxBytes: BATCH_BYTES };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  #offer(queue: Queue): void {
    if (!queue.sending && queue.items.length > 0 && !this.#ready.includes(queue)) this.#ready.push(queue);
  }

  #start(): void {
    while (this.#idle.length > 0 && this.#ready.length > 0) {
      const [lane, queue] = [this.#idle.pop()!, this.#ready.shift()!];
      queue.sending = true;
      void this.#send(lane, queue).finally(() => {
        queue.sending = false;
        this.#idle.push(lane);
        this.#offer(queue);
        if (this.#waiting === 0) {
          clearInterval(this.#sweep);
          this.#sweep = undefined;
        }
        this.#start();
      });
    }
  }

  async #send(lane: ProducerLane, queue: Queue): Promise<void> {
    const items = this.#take(queue);
    if (items.length === 0) return;
    for (const { part } of items) part.sending = true;
    const since = performance.now();
    const timeout = Math.max(1_000, this.#settings.deliveryTimeoutMs - (since - items[0]!.part.since));
    try {
      const base = await lane.send(
        queue.name,
        queue.partition,
        items.map(({ message }) => message),
        timeout,
      );
      queue.refusal = undefined;
      items.forEach(({ part, index, bytes }, i) => {
        part.answers[index] = { partition: queue.partition, offset: base + i };
        this.#waiting -= bytes;
        part.sending = false;
        if (--part.left === 0) part.done.resolve();
      });
    } catch (error) {
      queue.refusal = errorType(error);
      const tooLarge = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(errorType(error));
      // Only this refusal proves that nothing was written.
      if (tooLarge && items.length > 1) {
        queue.maxBytes = items.reduce((sum, { bytes }) => sum + bytes, BATCH_OVERHEAD) / 2;
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
