import { Poll, type ReadinessCheck } from '@provider-access/http';
import type { Metrics } from '@provider-access/observability';

export interface EngineProbeOptions {
  /** As readiness and metrics name it. */
  readonly name: 'kafka' | 'mongodb';
  /** Asks the engine something cheap; rejects when it is away. */
  readonly probe: () => Promise<unknown>;
  /** How long the engine may be away before that makes the process unready, ms: as long as reads go on without it. */
  readonly graceMs: number;
  readonly now: () => number;
  /** Default 1000. */
  readonly everyMs?: number;
  /** An answer that takes longer counts as none, ms. Default 3000. */
  readonly withinMs?: number;
}

/** Asks an engine in the background whether it is there: readiness and liveness look at the last answers, they do not wait for one. */
export class EngineProbe {
  readonly name: 'kafka' | 'mongodb';
  private readonly options: EngineProbeOptions;
  private awaySince: number | undefined;
  private reachableSince: number | undefined;
  private readonly polling: Poll;

  constructor(options: EngineProbeOptions) {
    this.options = options;
    this.name = options.name;
    this.polling = new Poll(() => this.ask(), options.everyMs ?? 1000);
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
    return metrics.read('pa_engine_reachable', () => [{ labels: { engine: this.name }, value: this.reachable() ? 1 : 0 }]);
  }

  /** One question. */
  async ask(): Promise<void> {
    const { probe, now, withinMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs ?? 3000);
    });
    const there = await Promise.race([Promise.resolve().then(probe).then(() => true, () => false), late]);
    clearTimeout(timer);
    if (there) {
      this.awaySince = undefined;
      this.reachableSince ??= now();
    } else {
      this.reachableSince = undefined;
      this.awaySince ??= now();
    }
  }
}
