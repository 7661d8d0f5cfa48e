import type { RefusalEntry } from '@provider-access/events';
import { type Clock, Refusal } from '@provider-access/kernel';
import type { Audit } from './audit.ts';

const MINUTE = 60_000;

/**
 * Refusals that a caller can cause in any number: of a token, and 400 and 403 of an authenticated client. So the audit
 * gets one record a minute for each client, action, reason, operation and type of resource, whose `count` has the
 * refusals since the record before. Reasons and types are closed sets, and `client` is `unknown` unless the caller
 * names an approved client. If an append fails, its refusals count in the next record, because nothing was released.
 */
export class SampledRefusals {
  readonly #audit: Pick<Audit, 'record'>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, { entry: RefusalEntry; recordedAt: number; waiting: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(audit: Pick<Audit, 'record'>, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Starts a timer that records the remaining counts when no further refusals come. */
  start(): void {
    this.#timer ??= setInterval(() => void this.#flush(false), MINUTE).unref();
  }
  /** Records the remaining counts. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#flush(true);
  }

  /** Counts a refusal. If a record is due, resolves when the record is durable. */
  async refused(entry: RefusalEntry): Promise<void> {
    const { action, client, reason, operation = '', types = [] } = entry;
    const key = [action, client, reason, operation, ...types].join(' ');
    const known = this.#kept.get(key);
    if (known !== undefined && !this.#due(known.recordedAt)) {
      known.waiting++;
      return;
    }
    await this.#write(key, entry, (known?.waiting ?? 0) + 1);
  }

  #due(recordedAt: number): boolean {
    const now = this.#clock.now();
    return now >= recordedAt + MINUTE || now < recordedAt;
  }
  async #flush(all: boolean): Promise<void> {
    for (const [key, { entry, recordedAt, waiting }] of [...this.#kept])
      if (waiting > 0 && (all || this.#due(recordedAt))) await this.#write(key, entry, waiting);
  }
  async #write(key: string, entry: RefusalEntry, count: number): Promise<void> {
    const kept = { entry, recordedAt: this.#clock.now(), waiting: 0 };
    this.#kept.set(key, kept);
    try {
      await this.#audit.record({ ...entry, count });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      kept.waiting += count;
    }
  }
}
