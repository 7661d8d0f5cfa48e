import { knownNames } from './names.ts';

export interface Target { readonly service: string; readonly base: string }

/** A series as it was scraped: one value a tick, undefined where there was none. */
export interface Recorded { readonly metric: string; readonly labels: Readonly<Record<string, string>>; readonly values: (number | undefined)[] }

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/**
 * Scrapes /metrics of every process once a tick, as Prometheus does: labels of the target are added, and a process that does
 * not answer has no samples. `pod` is the place of a process among those of its service, so that its successor has the same.
 */
export class Recorder {
  private readonly targets: () => readonly Target[];
  private readonly everyMs: number;
  private readonly series = new Map<string, Recorded>();
  private timer: NodeJS.Timeout | undefined;
  private scraping: Promise<void> = Promise.resolve();
  /** Wall time of each tick, ms since the epoch. */
  readonly ticks: number[] = [];

  constructor(targets: () => readonly Target[], everyMs = 1000) {
    this.targets = targets;
    this.everyMs = everyMs;
  }

  start(): void {
    this.timer = setInterval(() => {
      const tick = this.ticks.push(Date.now()) - 1;
      this.scraping = this.scrape(tick);
    }, this.everyMs);
  }
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.scraping;
  }
  recorded(): readonly Recorded[] {
    return [...this.series.values()];
  }
  /** The last value of a metric over all series that have these labels; for messages and waiting. */
  last(metric: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = [...this.series.values()].filter((s) => s.metric === metric && Object.entries(labels).every(([name, value]) => s.labels[name] === value)).map((s) => s.values[this.ticks.length - 2] ?? s.values[this.ticks.length - 1]);
    const known = found.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  private async scrape(tick: number): Promise<void> {
    const counts = new Map<string, number>();
    await Promise.all(this.targets().map(async ({ service, base }) => {
      const n = counts.get(service) ?? 0;
      counts.set(service, n + 1);
      const pod = `${service}-${n}`;
      const text = await fetch(`${base}/metrics`, { signal: AbortSignal.timeout(this.everyMs * 2.5) }).then((answer) => answer.text(), () => undefined);
      for (const line of text?.split('\n') ?? []) this.take(line, tick, { namespace: 'pa', pod, instance: `${pod}:8080` });
    }));
  }
  private take(line: string, tick: number, target: Record<string, string>): void {
    const [, metric, labels = '', value] = LINE.exec(line) ?? [];
    if (metric === undefined || !knownNames.has(metric)) return;
    const key = `${metric}{${labels}}${target['pod']}`;
    let series = this.series.get(key);
    if (series === undefined) {
      const own = Object.fromEntries([...labels.matchAll(LABEL)].map(([, name, text]) => [name, text]));
      this.series.set(key, (series = { metric, labels: { ...own, ...target }, values: [] }));
    }
    series.values[tick] = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  }
}
