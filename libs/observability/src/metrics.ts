import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Metrics in Prometheus' text format. Labels are closed sets or route patterns: never a member, a client or a URL.
 * One instance a service: the runner merges them at `/metrics`.
 */
export class Metrics {
  readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'http_server_request_duration_seconds', help: 'Duration of requests', labelNames: ['service', 'method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60], registers: [this.registry],
  });
  private readonly counters = new Map<string, Counter>();
  private readonly gauges = new Map<string, Gauge>();

  /** `ms` is the duration in milliseconds. */
  request(service: string, method: string, route: string, status: number, ms: number): void {
    this.requests.observe({ service, method, route, status: String(status) }, ms / 1000);
  }
  /** Adds to a counter; label names are those of the first call. */
  count(name: string, help: string, labels: Record<string, string> = {}, by = 1): void {
    let counter = this.counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.registry] });
      this.counters.set(name, counter);
    }
    counter.inc(labels, by);
  }
  /** A gauge that is read when it is scraped. */
  observe(name: string, help: string, read: () => number | Promise<number>): void {
    if (this.gauges.has(name)) return;
    this.gauges.set(name, new Gauge({ name, help, registers: [this.registry], async collect() { this.set(await read()); } }));
  }
  /** The same with labels of a closed set. While it cannot be read there are no samples: no wrong ones. */
  observeEach(name: string, help: string, labelNames: readonly string[], read: () => Promise<readonly { readonly labels: Record<string, string>; readonly value: number }[]>): void {
    if (this.gauges.has(name)) return;
    this.gauges.set(name, new Gauge({
      name, help, labelNames: [...labelNames], registers: [this.registry],
      async collect() {
        const samples = await read().catch(() => []);
        this.reset();
        for (const { labels, value } of samples) this.set(labels, value);
      },
    }));
  }
  text(): Promise<string> {
    return this.registry.metrics();
  }
}

/** Memory, event loop delay, garbage collection and open handles of this process: once a process. */
export function processMetrics(): Metrics {
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry });
  return metrics;
}

/** One exposition of several services' metrics: samples of the same name and labels are added up. */
export async function mergedText(all: readonly Metrics[]): Promise<string> {
  const samples = await Promise.all(all.map((metrics) => metrics.registry.getMetricsAsJSON()));
  return AggregatorRegistry.aggregate(samples).metrics();
}
