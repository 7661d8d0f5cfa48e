import { knownNames } from './names.ts';
import { labelsIn, MOMENTS, type Run, type Series } from './playback.ts';

/** The samples of a scrape, with the labels that Prometheus adds; undefined without an answer. */
export interface Source {
  readonly labels: Readonly<Record<string, string>>;
  read(withinMs: number): Promise<string | undefined>;
}

/** `pod` is the place of a process among those of its service, so that its successor has the same one. */
export function sourcesOf(
  processes: readonly { readonly service: string; readonly base: string }[],
): readonly Source[] {
  return processes.map(({ service, base }, i) => {
    const pod = `${service}-${processes.slice(0, i).filter((before) => before.service === service).length}`;
    return {
      labels: { namespace: 'pa', pod, instance: `${pod}:8080` },
      read: (withinMs) =>
        fetch(`${base}/metrics`, { signal: AbortSignal.timeout(withinMs) })
          .then((answer) => answer.text())
          .catch(() => undefined),
    };
  });
}

interface Recorded extends Series {
  readonly values: (number | undefined)[];
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
/** The series in Prometheus' form. */
const TIMEOUT_MS = 10_000;

/**
 * Scrapes every source once a tick, as Prometheus does: it adds the labels, and a source without an answer has no
 * samples.
 */
export class Recorder {
  readonly #sources: () => readonly Source[];
  readonly #everyMs: number;
  readonly #series = new Map<string, Recorded>();
  #timer: NodeJS.Timeout | undefined;
  readonly #asked = new Set<string>();
  #scraping: Promise<void> = Promise.resolve();
  /** Wall time of each tick, ms since the epoch. */
  readonly ticks: number[] = [];

  constructor(sources: () => readonly Source[], everyMs = 1000) {
    this.#sources = sources;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#timer = setInterval(() => {
      const tick = this.ticks.push(Date.now()) - 1;
      this.#scraping = this.#scrape(tick);
    }, this.#everyMs);
  }
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#scraping;
  }
  run(): Run {
    return { ticks: this.ticks.length, series: [...this.#series.values()] };
  }
  async #scrape(tick: number): Promise<void> {
    await Promise.all(
      this.#sources().map(async (source) => {
        const instance = source.labels['instance']!;
        this.#repeat(instance, tick);
        // Ticks are close to each other. A slow answer on a busy machine does not mean that the source is gone.
        if (this.#asked.has(instance)) return;
        this.#asked.add(instance);
        const text = await source.read(TIMEOUT_MS);
        this.#asked.delete(instance);
        for (const { values } of this.#of(instance)) values.length = Math.min(values.length, tick);
        for (const line of text?.split('\n') ?? []) this.#take(line, tick, source.labels);
        for (let later = tick + 1; later < this.ticks.length; later += 1) this.#repeat(instance, later);
      }),
    );
  }
  #of(instance: string): Recorded[] {
    return [...this.#series.values()].filter(({ labels }) => labels['instance'] === instance);
  }
  #repeat(instance: string, tick: number): void {
    for (const { values } of this.#of(instance))
      if (tick > 0 && values[tick - 1] !== undefined) values[tick] = values[tick - 1];
  }
  #take(line: string, tick: number, source: Source['labels']): void {
    const [, metric, labels = '', value] = LINE.exec(line) ?? [];
    if (metric === undefined || !knownNames.has(metric)) return;
    const key = `${metric}{${labels}}${source['instance']}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      this.#series.set(key, (series = { metric, labels: { ...labelsIn(labels), ...source }, values: [] }));
    }
    const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
    series.values[tick] = MOMENTS.has(metric) ? number - this.ticks[0]! / 1000 : number;
  }
}
