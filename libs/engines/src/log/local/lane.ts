import { type Backoff, backoffMs, pause } from '../backoff.ts';
import { handlerFault } from '../handler-fault.ts';
import { lossSentence } from '../losses.ts';
import { type Batch, EngineUnavailable } from '../port.ts';
import type { LocalStore } from './store.ts';

/** The consumer that handles the batches of a lane. */
export interface LaneOwner {
  /** Whether the lane may continue at `to`, after retention removed unread records. */
  accepted(lane: Lane, to: number): Promise<boolean>;
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** How long a batch waits for more records, ms. */
  readonly lingerMs: number;
  handle(batch: Batch): Promise<void> | void;
  polled(): void;
  failed(lane: Lane, text: string): void;
  recovered(lane: Lane): void;
}

const waiting: (() => void)[] = [];

/** One lane runs in each turn of the event loop, so that requests are served while many lanes catch up. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next);
  });
}

function next(): void {
  waiting[0]!();
  waiting.shift();
  if (waiting.length > 0) setImmediate(next);
}

/**
 * Delivers one partition of a topic to a group, batch by batch in order, and repeats a batch until it is handled. Only
 * the lane calls handlers for its partition, so an old and a new owner never overlap.
 */
export class Lane {
  readonly topic: string;
  readonly partition: number;
  next = 0;
  readonly #store: LocalStore;
  readonly #backoff: Backoff;
  readonly #handled: (lane: Lane) => void;
  #owner: LaneOwner | undefined;
  #running: Promise<void> | undefined;
  #sleeping: AbortController | undefined;

  constructor(store: LocalStore, topic: string, partition: number, backoff: Backoff, handled: (lane: Lane) => void) {
    this.#store = store;
    this.topic = topic;
    this.partition = partition;
    this.#backoff = backoff;
    this.#handled = handled;
  }

  /** Gives the lane to an owner and starts the first batch in this turn. Call it after `release`. */
  give(owner: LaneOwner): void {
    this.#owner = owner;
    this.kick();
  }

  /** Takes the lane from its owner; resolves when nothing is in flight. */
  async release(): Promise<void> {
    this.#owner?.recovered(this);
    this.#owner = undefined;
    this.#sleeping?.abort();
    await this.#running;
  }

  /** Starts reading, if the lane is idle and has an owner. */
  kick(): void {
    if (this.#running !== undefined || this.#owner === undefined) return;
    if (!this.#behind()) return this.#owner.polled();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // A record may have been appended since the last empty read.
      if (this.#owner !== undefined && this.#behind()) this.kick();
    });
  }

  #behind(): boolean {
    try {
      return (this.#store.head(this.topic)[this.partition] ?? 0) > this.next;
    } catch {
      return true;
    }
  }

  async #run(): Promise<void> {
    for (let failures = 0; this.#owner !== undefined;) {
      await turn();
      if (this.#owner !== undefined && this.#owner.lingerMs > 0 && this.#behind())
        await this.#sleep(this.#owner.lingerMs);
      const owner: LaneOwner | undefined = this.#owner;
      if (owner === undefined) return;
      try {
        await this.#skip(owner);
        const records = this.#store.read(this.topic, this.partition, this.next, owner.maxRecords, owner.maxBytes);
        owner.polled();
        if (records.length === 0) {
          if (failures > 0) owner.recovered(this);
          return;
        }
        await owner.handle({ topic: this.topic, partition: this.partition, records });
        const before = this.next;
        this.next = records[records.length - 1]!.offset + 1;
        try {
          this.#handled(this);
        } catch (error) {
          this.next = before;
          throw error;
        }
        if (failures > 0) owner.recovered(this);
        failures = 0;
      } catch (error) {
        if (this.#owner !== owner) return;
        owner.failed(this, describe(this, error));
        await this.#sleep(backoffMs(this.#backoff, failures++));
      }
    }
  }

  /** Continues behind removed records, once the loss is accepted. @throws EngineUnavailable until then */
  async #skip(owner: LaneOwner): Promise<void> {
    const to = this.#store.start(this.topic)[this.partition] ?? 0;
    if (to <= this.next) return;
    if (!(await owner.accepted(this, to)))
      throw new EngineUnavailable(lossSentence({ topic: this.topic, partition: this.partition, from: this.next, to }));
    this.next = to;
    this.#handled(this);
  }

  async #sleep(ms: number): Promise<void> {
    this.#sleeping = new AbortController();
    await pause(ms, this.#sleeping.signal);
    this.#sleeping = undefined;
  }
}

/** The text to report for a handler's error, without a message that may quote data. */
function describe(lane: Pick<Lane, 'topic' | 'partition'>, error: unknown): string {
  // The text of a loss already begins with topic and partition.
  if (error instanceof EngineUnavailable && error.message.startsWith(`${lane.topic}/${lane.partition}: `))
    return error.message;
  return `${lane.topic}/${lane.partition}: ${handlerFault(error)}`;
}
