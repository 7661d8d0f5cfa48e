import { setTimeout as delay } from 'node:timers/promises';
import type { Appended, EventLog, NewRecord } from '@provider-access/engines/log';

export interface OutboxEntry {
  readonly seq: number;
  readonly stream: string;
  readonly version: number;
  readonly topic: string;
  readonly record: NewRecord;
}

/** The part of a state store that the relay uses. */
export interface Outbox {
  /** Unpublished entries, oldest first. Empty while another relay is active. */
  pending(limit: number): readonly OutboxEntry[] | Promise<readonly OutboxEntry[]>;
  /**
   * The log has the entries. Updates the published versions and positions of their streams, and removes the entries.
   */
  markPublished(entries: readonly OutboxEntry[], appended: readonly Appended[]): Promise<void>;
}

const BATCH = 200;
const BACKOFF_MS = [50, 100, 200, 500, 1000];

/**
 * Appends decided events to their topics in the order of the decisions, one append at a time. After a crash between an
 * append and `markPublished` the relay appends again. So delivery is at least once, and readers drop a version that
 * they have.
 */
export class Relay {
  readonly #outbox: Outbox;
  readonly #log: EventLog;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #failure: string | undefined;

  constructor(outbox: Outbox, log: EventLog) {
    this.#outbox = outbox;
    this.#log = log;
  }

  /** Starts the relay, because there may be an event to publish. */
  wake(): void {
    this.#again = true;
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.wake();
    });
  }

  /** Set while events cannot be published. It has no protected data. */
  failure(): string | undefined {
    return this.#failure;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted;) {
      this.#again = false;
      let doing = 'cannot be read';
      try {
        const entries = await this.#outbox.pending(BATCH);
        const first = entries[0];
        if (first === undefined) {
          this.#failure = undefined;
          return;
        }
        const end = entries.findIndex((e) => e.topic !== first.topic);
        const run = end === -1 ? entries : entries.slice(0, end);
        doing = `cannot be appended to ${first.topic}`;
        const appended = await this.#log.append(
          first.topic,
          run.map((e) => e.record),
        );
        await this.#outbox.markPublished(run, appended);
        this.#failure = undefined;
        attempt = 0;
      } catch (error) {
        this.#failure = `decided events ${doing} (${error instanceof Error ? error.name : 'error'})`;
        await delay(BACKOFF_MS[Math.min(attempt++, BACKOFF_MS.length - 1)], undefined, {
          signal: this.#stopping.signal,
        }).catch(() => {});
      }
    }
  }
}
