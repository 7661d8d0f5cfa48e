import { Poll } from '@provider-access/engines/jobs';
import type { ReadinessCheck } from '@provider-access/service/http';
import type { Metrics } from '@provider-access/service/observability';

export interface EngineProbeOptions {
  /** As readiness and metrics name it. */
  readonly name: 'kafka' | 'mongodb';
  /** Asks the engine something cheap; rejects when it is away. */
  readonly probe: () => Promise<unknown>;
  /** How long the engine may be away before that makes the process unready, ms: as long as reads go on without it. */
  readonly graceMs: number;
  readonly now: () => number;
  /**
   * While the engine is away. While it is there, a question waits for three times as long since the last answer.
   * Default 1000.
   */
  readonly everyMs?: number;
  /** An answer that takes longer counts as none, ms. Default 3000. */
  readonly withinMs?: number;
}

/** What others hear from the engine counts for so many intervals. */
const QUIET = 3;

/**
 * Asks an engine in the background whether it is there: readiness and liveness look at the last answers, they do not
 * wait for one. Answers to calls that the process makes anyway save the question.
 */
export class EngineProbe {
  readonly name: 'kafka' | 'mongodb';
  private readonly options: EngineProbeOptions;
  private awaySince: number | undefined;
  private reachableSince: number | undefined;
  private heardAt = Number.NEGATIVE_INFINITY;
  private readonly quietMs: number;
  private readonly polling: Poll;

  constructor(options: EngineProbeOptions) {
    this.options = options;
    this.name = options.name;
    const everyMs = options.everyMs ?? 1000;
    this.quietMs = QUIET * everyMs;
    this.polling = new Poll(
      () => (this.reachable() && performance.now() - this.heardAt < this.quietMs ? Promise.resolve() : this.ask()),
      everyMs,
    );
  }

  /** Resolves after the first answer, or its absence. */
  start(): Promise<void> {
    return this.polling.start();
  }
  stop(): void {
    this.polling.stop();
  }
  reachable(): boolean {
    return this.reachableSince !== undefined;
  }
  /** ms; 0 while it is away. */
  reachableFor(): number {
    return this.reachableSince === undefined ? 0 : this.options.now() - this.reachableSince;
  }
  check(): ReadinessCheck {
    return {
      name: this.name,
      check: async () => {
        const since = this.awaySince;
        const away = since === undefined ? 0 : this.options.now() - since;
        if (since === undefined || away < this.options.graceMs) return { ready: true };
        return { ready: false, detail: `${this.name} has not answered for ${Math.round(away / 1000)} s` };
      },
    };
  }
  /** @returns ends it */
  gauge(metrics: Metrics): () => void {
    return metrics.read('pa_engine_reachable', () => [
      { labels: { engine: this.name }, value: this.reachable() ? 1 : 0 },
    ]);
  }

  /** The outcome of a call that something else made. A failure has the engine asked at the next turn. */
  heard(answered: boolean): void {
    this.heardAt = answered ? performance.now() : Number.NEGATIVE_INFINITY;
  }

  /** One question. */
  async ask(): Promise<void> {
    const { probe, now, withinMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs ?? 3000);
    });
    const there = await Promise.race([
      Promise.resolve()
        .then(probe)
        .then(
          () => true,
          () => false,
        ),
      late,
    ]);
    clearTimeout(timer);
    this.heard(there);
    if (there) {
      this.awaySince = undefined;
      this.reachableSince ??= now();
    } else {
      this.reachableSince = undefined;
      this.awaySince ??= now();
    }
  }
}
