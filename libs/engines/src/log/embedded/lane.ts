import { type Backoff, backoffMs, pause } from '../backoff.ts';
import { handlerFault } from '../handler-fault.ts';
import { lossReason } from '../losses.ts';
import {
  EngineUnavailable,
  type FollowOptions,
  type LogRecord,
  positionOf,
  type SubscribeOptions,
  type Subscription,
  type TopicPartition,
} from '../port.ts';
import type { LocalStore } from './sqlite-store.ts';

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
  #owner: Consumer | undefined;
  #running: Promise<void> | undefined;
  #sleeping: AbortController | undefined;

  constructor(store: LocalStore, at: TopicPartition, backoff: Backoff, handled: (lane: Lane) => void) {
    this.#store = store;
    this.topic = at.topic;
    this.partition = at.partition;
    this.#backoff = backoff;
    this.#handled = handled;
  }

  /** Gives the lane to an owner and starts the first batch in this turn. Call it after `release`. */
  give(owner: Consumer): void {
    this.#owner = owner;
    this.kick();
  }

  /** Takes the lane from its owner; resolves when nothing is in flight. */
  async release(): Promise<void> {
    this.#owner?.failures.delete(this);
    this.#owner = undefined;
    this.#sleeping?.abort();
    await this.#running;
  }

  /** Starts reading, if the lane is idle and has an owner. */
  kick(): void {
    if (this.#running !== undefined || this.#owner === undefined) return;
    if (!this.#behind()) {
      this.#owner.lastPoll = Date.now();
      return;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // A record may have been appended since the last empty read.
      if (this.#owner !== undefined && this.#behind()) this.kick();
    });
  }

  /** Whether the log has more than these records. */
  #isBehindAfter(records: readonly LogRecord[]): boolean {
    return (this.#store.head(this.topic)[this.partition] ?? 0) > records[records.length - 1]!.offset + 1;
  }

  #behind(): boolean {
    try {
      return (this.#store.head(this.topic)[this.partition] ?? 0) > this.next;
    } catch {
      return true;
    }
  }

  async #run(): Promise<void> {
    let lingered = false;
    for (let failures = 0; this.#owner !== undefined;) {
      await turn();
      const owner: Consumer | undefined = this.#owner;
      if (owner === undefined) return;
      const { lingerMs = 0, maxRecords } = owner.options;
      try {
        await this.#skip(owner);
        const { records, done } = this.#store.borrow(this.topic, this.partition, this.next, maxRecords);
        try {
          owner.lastPoll = Date.now();
          if (records.length === 0) {
            owner.failures.delete(this);
            return;
          }
          // A full batch gains nothing by a wait. With one for each, a busy topic would run away from the group.
          if (lingerMs > 0 && !lingered && !this.#isBehindAfter(records)) {
            lingered = true;
            await this.#sleep(lingerMs);
            continue;
          }
          lingered = false;
          await owner.options.handle({ topic: this.topic, partition: this.partition, records });
          const before = this.next;
          this.next = records[records.length - 1]!.offset + 1;
          try {
            this.#handled(this);
          } catch (error) {
            this.next = before;
            throw error;
          }
        } finally {
          done();
        }
        owner.failures.delete(this);
        failures = 0;
      } catch (error) {
        if (this.#owner !== owner) return;
        owner.failures.set(this, `${this.topic}/${this.partition}: ${handlerFault(error)}`);
        await this.#sleep(backoffMs(this.#backoff, failures++));
      }
    }
  }

  /** Continues behind removed records, once the loss is accepted. @throws EngineUnavailable until then */
  async #skip(owner: Consumer): Promise<void> {
    const to = this.#store.start(this.topic)[this.partition] ?? 0;
    if (to <= this.next) return;
    if (!(await owner.accepted(this, to))) throw new EngineUnavailable(lossReason({ from: this.next, to }));
    this.next = to;
    this.#handled(this);
  }

  async #sleep(ms: number): Promise<void> {
    this.#sleeping = new AbortController();
    await pause(ms, this.#sleeping.signal);
    this.#sleeping = undefined;
  }
}

/** The lanes and the state of one consumer. */
export class Consumer {
  readonly options: Pick<SubscribeOptions, 'maxRecords' | 'lingerMs'> & Pick<FollowOptions, 'handle'>;
  readonly topics: readonly string[];
  /** Whether a lane may continue at `to`, after retention removed unread records. */
  readonly accepted: (lane: Lane, to: number) => Promise<boolean>;
  readonly lanes = new Set<Lane>();
  readonly failures = new Map<Lane, string>();
  assignFailure: string | undefined;
  lastPoll = Date.now();

  constructor(options: Consumer['options'] & Pick<FollowOptions, 'topics'>, accepted: Consumer['accepted']) {
    this.options = options;
    this.topics = [...new Set(options.topics)];
    this.accepted = accepted;
  }

  subscription(stop: () => Promise<void>): Subscription {
    return {
      stop,
      position: () => positionOf(this.lanes),
      failure: () => this.assignFailure ?? this.failures.values().next().value,
      lastPoll: () => this.lastPoll,
    };
  }
}
