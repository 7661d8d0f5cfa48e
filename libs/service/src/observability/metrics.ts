import type { Service } from '@provider-access/events';
import { within } from '@provider-access/kernel';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  METRICS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
} from './catalogue.ts';
import { type LabelValues, METHOD, OTHER, valueIn } from './labels.ts';
import { PendingSums } from './pending-sums.ts';

const WITHOUT_VALUE = /^nodejs_eventloop_lag_\w+ nan\n/gim;

export interface MetricsOptions {
  /** False: nothing is measured and nothing costs. Default true. */
  readonly enabled?: boolean;
  /**
   * Memory, event loop delay, garbage collection and open handles of the process as well. Default false: once a
   * process.
   */
  readonly process?: boolean;
}
export interface Sample<N extends MetricName = MetricName> {
  readonly labels: LabelsOf<N>;
  readonly value: number;
}
type Read<N extends GaugeName> = () => readonly Sample<N>[] | Promise<readonly Sample<N>[]>;
/** Labels may be left out where the table has none. */
type Labelled<N extends MetricName, Rest extends unknown[]> = keyof LabelsOf<N> extends never
  ? [labels?: Record<string, never>, ...Rest]
  : [labels: LabelsOf<N>, ...Rest];

/**
 * How often the delay of the event loop is sampled, ms. Each sample wakes the process, and the gauges include this
 * time. The default of 10 ms was most of what an idle process does.
 */
const EVENT_LOOP_MS = 40;

/** A gauge that takes longer than this to read is left out of the scrape, ms. */
const READ_MS = 2000;

/**
 * Metrics of a process, in Prometheus' text format: those of the table (`catalogue.ts`), with the values that it knows.
 * A value that is neither in its set nor of its form counts as `other`.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly enabled: boolean;
  // Protected, because a scope has these metrics as its prototype.
  protected readonly instruments = new Map<MetricName, Instrument<Counter | Gauge | Histogram>>();
  protected readonly readers = new Map<GaugeName, Set<Read<GaugeName>>>();

  constructor({ enabled = true, process = false }: MetricsOptions = {}) {
    this.enabled = enabled;
    if (!enabled || !process) return;
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: EVENT_LOOP_MS });
    // Asked at each scrape: a container may be given more while it runs.
    this.read('pa_memory_limit_bytes', memoryLimit);
  }

  /** A request that was answered; `route` is the pattern, `ms` the duration in milliseconds. */
  request(service: Service, method: string, route: string, status: number, ms: number): void {
    this.record(
      'http_server_request_duration_seconds',
      { service, method: valueIn(METHOD, method), route, status: String(status) },
      ms / 1000,
    );
  }
  /** Adds to a counter. */
  count<N extends CounterName>(name: N, ...[labels, by = 1]: Labelled<N, [by?: number]>): void {
    if (!this.enabled || by === 0) return;
    this.instrument<Counter>(name).pending.add(labels, by);
  }
  /**
   * Counters that are there from the start, at 0 for all values that `labels` leaves open: a first event is an
   * increase.
   */
  zero<N extends CounterName>(name: N, labels: Partial<LabelsOf<N>> = {}): void {
    if (!this.enabled) return;
    const { values }: MetricDefinition = METRICS[name];
    let sets: Record<string, string>[] = [{}];
    for (const [label, all] of Object.entries(values)) {
      const given = (labels as Record<string, string>)[label];
      const each =
        given !== undefined
          ? [given]
          : Array.isArray(all)
            ? (all as readonly string[]).filter((value) => value !== OTHER)
            : [];
      sets = sets.flatMap((set) => each.map((value) => ({ ...set, [label]: value })));
    }
    const { metric, guard } = this.instrument<Counter>(name);
    for (const set of sets) metric.inc(guard(set), 0);
  }
  /** Starts every counter whose name begins with `prefix` at 0. */
  zeroAll(prefix: string): void {
    for (const [name, { type }] of Object.entries(METRICS))
      if (type === 'counter' && name.startsWith(prefix)) this.zero(name as CounterName);
  }
  /** One observation of a histogram, in the unit of its name. */
  record<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number): void {
    if (!this.enabled) return;
    const { metric, guard } = this.instrument<Histogram>(name);
    metric.observe(guard(labels), value);
  }
  set<N extends GaugeName>(name: N, labels: LabelsOf<N>, value: number): void {
    if (!this.enabled) return;
    const { metric, guard, pending } = this.instrument<Gauge>(name);
    pending.flush();
    metric.set(guard(labels), value);
  }
  /** Moves a gauge up or down. */
  move<N extends GaugeName>(name: N, labels: LabelsOf<N>, by: number): void {
    if (!this.enabled) return;
    this.instrument<Gauge>(name).pending.add(labels, by);
  }
  /**
   * A gauge that is read at each scrape. While it cannot be read there are no samples: no wrong ones. Several may read
   * one gauge; of the same labels the highest counts.
   * @returns ends it
   */
  read<N extends GaugeName>(name: N, read: Read<N>): () => void {
    if (!this.enabled) return () => undefined;
    let readers = this.readers.get(name);
    if (readers === undefined) {
      this.readers.set(name, (readers = new Set()));
      this.instrument(name);
    }
    readers.add(read as Read<GaugeName>);
    return () => void readers.delete(read as Read<GaugeName>);
  }

  /** The same metrics for a part that may end before the process does. When it ends, its gauges are no longer read. */
  scope(): { readonly metrics: Metrics; end(): void } {
    const ends: (() => void)[] = [];
    const read = <N extends GaugeName>(name: N, one: Read<N>): (() => void) => {
      const end = this.read(name, one);
      ends.push(end);
      return end;
    };
    return {
      metrics: Object.create(this, { read: { value: read } }) as Metrics,
      end: () => ends.splice(0).forEach((end) => end()),
    };
  }

  /** The samples of one metric now, by its name in Prometheus. None if nobody measures it here. */
  async samples(name: string): Promise<readonly { readonly labels: Record<string, string>; readonly value: number }[]> {
    const found = await this.registry.getSingleMetric(name)?.get();
    return (found?.values ?? []).map(({ labels, value }) => ({ labels: labels as Record<string, string>, value }));
  }

  async text(): Promise<string> {
    // If the event loop was not measured since the last scrape, there is no mean, and so no sample, as for a gauge that
    // cannot be read.
    return (await this.registry.metrics()).replace(WITHOUT_VALUE, '');
  }

  /** Made at its first use, so that a process shows what it measures. */
  protected instrument<M extends Counter | Gauge | Histogram>(name: MetricName): Instrument<M> {
    let instrument = this.instruments.get(name);
    if (instrument === undefined) {
      const { type, help, labels, values, buckets = [] }: MetricDefinition = METRICS[name];
      const options = { name, help, labelNames: [...labels], registers: [this.registry] };
      const guard = guardOf(values);
      const pending = new PendingSums(labels, (own, sum) => {
        if (!(metric instanceof Histogram)) metric.inc(guard(own), sum);
      });
      const metric =
        type === 'counter'
          ? new Counter({ ...options, collect: () => pending.flush() })
          : type === 'histogram'
            ? new Histogram({ ...options, buckets: [...buckets] })
            : new Gauge({ ...options, collect: () => this.collect(name as GaugeName) });
      this.instruments.set(name, (instrument = { metric, guard, pending }));
    }
    return instrument as Instrument<M>;
  }

  protected async collect(name: GaugeName): Promise<void> {
    this.instrument(name).pending.flush();
    const readers = this.readers.get(name);
    if (readers === undefined) return;
    const samples = (await Promise.all([...readers].map((read) => inTime(read)))).flat();
    const { metric: gauge, guard } = this.instrument<Gauge>(name);
    // A reset sets one without labels to 0.
    if (METRICS[name].labels.length === 0) gauge.remove();
    else gauge.reset();
    const highest = new Map<string, number>();
    for (const { labels, value } of samples) {
      const own = guard(labels);
      const key = JSON.stringify(own);
      if (value <= (highest.get(key) ?? Number.NEGATIVE_INFINITY)) continue;
      highest.set(key, value);
      gauge.set(own, value);
    }
  }
}

/** The limit of the control group, bytes. Without one, Node answers 0 or a number that no machine has. */
function memoryLimit(): readonly Sample<'pa_memory_limit_bytes'>[] {
  const value = process.constrainedMemory();
  return value > 0 && value < Number.MAX_SAFE_INTEGER ? [{ labels: {}, value }] : [];
}

/** Samples, or none: the store that a gauge reads may be away, or hang. */
const inTime = (read: Read<GaugeName>): Promise<readonly Sample<GaugeName>[]> =>
  within(READ_MS, read, () => []).catch(() => []);

/** Exactly the labels of the table, each with a value that it may have. */
type Guard = (labels?: object) => Record<string, string>;
interface Instrument<M> {
  readonly metric: M;
  readonly guard: Guard;
  /** Of a counter or a gauge. */
  readonly pending: PendingSums;
}
function guardOf(values: Readonly<Record<string, LabelValues>>): Guard {
  const checks = Object.entries(values).map(
    ([label, allowed]) => [label, 'form' in allowed ? formed(allowed.form, allowed.atMost) : among(allowed)] as const,
  );
  return (labels = {}) => {
    const own: Record<string, string> = {};
    for (const [label, check] of checks) own[label] = check((labels as Record<string, string>)[label] ?? OTHER);
    return own;
  };
}
function among(values: readonly string[]): (value: string) => string {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}
function formed(form: RegExp, atMost: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= atMost || !form.test(value)) return OTHER;
    known.add(value);
    return value;
  };
}
