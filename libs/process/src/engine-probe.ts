import { Poll } from '@provider-access/engines/jobs';
import { within } from '@provider-access/kernel';
import type { ReadinessCheck } from '@provider-access/service/http';
import type { Metrics } from '@provider-access/service/observability';
import type { EngineName } from './open-engines.ts';

export interface EngineProbeOptions {
  /** The engine's name in readiness and metrics. */
  readonly name: EngineName;
  /** A cheap request to the engine; rejects if the engine is unreachable. */
  readonly probe: () => Promise<unknown>;
  /**
   * How long the engine may be unreachable before the process is not ready, ms: as long as reads continue without it.
   */
  readonly graceMs: number;
  readonly now: () => number;
  /**
   * Interval of probes while the engine is unreachable. While it answers, a probe waits for three times this since the
   * last answer. Default 1000.
   */
  readonly everyMs?: number;
  /** A later answer counts as none, ms. Default 3000. */
  readonly withinMs?: number;
}

/** An answer to another call counts for so many intervals. */
const QUIET = 3;

/**
 * Probes in the background whether an engine answers. Readiness and liveness use the last answers and do not wait for
 * one. Answers to other calls of the process save a probe.
 */
export class EngineProbe {
  readonly name: EngineName;
  readonly #options: EngineProbeOptions;
  #awaySince: number | undefined;
  #reachableSince: number | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  readonly #quietMs: number;
  readonly #polling: Poll;

  constructor(options: EngineProbeOptions) {
    this.#options = options;
    this.name = options.name;
    const everyMs = options.everyMs ?? 1000;
    this.#quietMs = QUIET * everyMs;
    this.#polling = new Poll(
      () => (this.reachable() && performance.now() - this.#heardAt < this.#quietMs ? Promise.resolve() : this.ask()),
      everyMs,
    );
  }

  /** Resolves after the first answer, or after its deadline. */
  start(): Promise<void> {
    return this.#polling.start();
  }
  stop(): void {
    this.#polling.stop();
  }
  reachable(): boolean {
    return this.#reachableSince !== undefined;
  }
  /** ms; 0 while it is unreachable. */
  reachableFor(): number {
    return this.#reachableSince === undefined ? 0 : this.#options.now() - this.#reachableSince;
  }
  check(): ReadinessCheck {
    return {
      name: this.name,
      check: async () => {
        const since = this.#awaySince;
        const away = since === undefined ? 0 : this.#options.now() - since;
        if (since === undefined || away < this.#options.graceMs) return { ready: true };
        return { ready: false, detail: `${this.name} has not answered for ${Math.round(away / 1000)} s` };
      },
    };
  }
  /** `asks` probes at each scrape, for a probe that does not poll. */
  gauge(metrics: Metrics, asks: boolean): void {
    metrics.read('pa_engine_reachable', async () => {
      if (asks) await this.ask();
      return [{ labels: { engine: this.name }, value: this.reachable() ? 1 : 0 }];
    });
  }

  /** The outcome of another call. After a failure, the engine is probed at the next turn. */
  heard(answered: boolean): void {
    this.#heardAt = answered ? performance.now() : Number.NEGATIVE_INFINITY;
  }

  /** One probe. */
  async ask(): Promise<void> {
    const { probe, now, withinMs } = this.#options;
    const answered = async (): Promise<boolean> => {
      await probe();
      return true;
    };
    const there = await within(withinMs ?? 3000, answered, () => false).catch(() => false);
    this.heard(there);
    if (there) {
      this.#awaySince = undefined;
      this.#reachableSince ??= now();
    } else {
      this.#reachableSince = undefined;
      this.#awaySince ??= now();
    }
  }
}
