import type { Batch, Position } from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';

/** The method of `Access` that tells when an opt-out has effect. */
interface Effect {
  /** True once the facts of every process have passed a position on payer topics, false after the timeout. */
  waitForPayerEverywhere(position: Position, timeoutMs: number): Promise<boolean>;
}
export interface OptOutEffectOptions {
  readonly facts: Effect;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const PATIENCE_MS = 30_000;
/** So many opt-outs are measured at a time. Of more, the first ones show the delay. */
const WAITING = 10_000;

/**
 * Measures how long opt-outs take from their acceptance (the append) to their effect in every process, by every way of
 * intake. It waits in the background, so it delays nothing. What is still waiting at a stop is not measured.
 */
export class OptOutEffect {
  readonly #options: OptOutEffectOptions;
  #waiting: number[] = [];
  #target: number[] = [];
  #topic: string | undefined;
  #running = false;
  #stopped = false;

  constructor(options: OptOutEffectOptions) {
    this.#options = options;
  }

  /** The opt-outs of a batch that was handled: `appended` are their times of append, ms since the epoch. */
  handled(batch: Batch, appended: readonly number[]): void {
    const last = batch.records.at(-1);
    if (appended.length === 0 || last === undefined || !this.#options.metrics.enabled) return;
    this.#topic = batch.topic;
    while (this.#target.length <= batch.partition) this.#target.push(0);
    this.#target[batch.partition] = Math.max(this.#target[batch.partition]!, last.offset + 1);
    this.#waiting.push(...appended.slice(0, Math.max(0, WAITING - this.#waiting.length)));
    if (!this.#running) void this.#run();
  }
  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    const { facts, clock, metrics } = this.#options;
    this.#running = true;
    while (this.#waiting.length > 0 && !this.#stopped) {
      const appended = this.#waiting;
      this.#waiting = [];
      const position = { [this.#topic!]: [...this.#target] };
      let passed = false;
      while (!passed && !this.#stopped)
        passed = await facts.waitForPayerEverywhere(position, PATIENCE_MS).catch(() => this.#away());
      const now = clock.now();
      if (passed)
        for (const at of appended) metrics.record('pa_opt_out_effect_seconds', {}, Math.max(0, now - at) / 1000);
    }
    this.#running = false;
  }

  /** The facts cannot be read. Try again in a moment. */
  #away(): Promise<false> {
    return new Promise((resolve) => {
      setTimeout(() => resolve(false), 1000).unref();
    });
  }
}
