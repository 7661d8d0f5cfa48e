import type { Memory } from './processes.ts';
import type { Raw } from './raw.ts';

export const PARTITIONS = 4;
export const TWO_OF_ALL = 'two of each';

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly of: number;
}

/** Figures of one deployment. Rates a second, times in ms, memory in MB. */
export interface Result {
  readonly name: string;
  readonly instances: string;
  readonly partitions?: number;
  readonly raw: Raw;
  /** From the first POST until the last event is in every view. */
  readonly intake: number;
  /** From the first POST until the last is durable. */
  readonly acknowledged: number;
  /** Seconds of intake. */
  readonly busy: number;
  /** CPU seconds for 1,000 events, by service and engine. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly lagAtLoad: Percentiles;
  /** Reads of the probes that were answered 503 at that load. */
  readonly unavailable: number;
  readonly lagGentle: Percentiles;
  readonly export?: number;
  readonly exported?: number;
  readonly exportSeconds?: number;
  readonly reads?: number;
  readonly readsP99?: number;
  readonly optOuts?: Percentiles;
  readonly memory: Memory;
  readonly engineMemory: Readonly<Record<string, number>>;
}

const number = (value: number | undefined, digits = value !== undefined && value < 10 ? 1 : 0): string =>
  value === undefined ? '' : value.toFixed(digits);
const ratio = (value: number): string => value.toFixed(value < 0.1 ? 3 : 2);
const both = (p: Percentiles | undefined): string => (p === undefined ? '' : `${number(p.p50)} / ${number(p.p99)}`);
const services = (r: Result): [string, number][] => Object.entries(r.cpu).toSorted(([, a], [, b]) => b - a);

/** One column for each deployment, one row for each figure. The embedded engine is the first column. */
export function printEngines(results: readonly Result[]): void {
  const embedded = results[0]!;
  const onEngines = (of: (r: Result) => string) => (r: Result) => (r.partitions === undefined ? '' : of(r));
  const rows: [string, (r: Result) => string][] = [
    ['', (r) => r.name],
    ['processes', (r) => r.instances],
    ['partitions', (r) => number(r.partitions, 0)],
    ['raw: kafkajs produce, records/s', (r) => number(r.raw.produce)],
    ['raw: kafkajs consume, records/s', (r) => number(r.raw.consume)],
    ['raw: kafkajs produce and consume, records/s', (r) => number(r.raw.loop)],
    ['raw: bulkWrite of inserts, documents/s', (r) => number(r.raw.inserts)],
    ['raw: bulkWrite of upserts, documents/s', (r) => number(r.raw.upserts)],
    ['raw: findOne, documents/s', (r) => number(r.raw.finds)],
    ['intake, to visible, events/s', (r) => number(r.intake)],
    ['  of raw produce and consume', onEngines((r) => ratio(r.intake / r.raw.loop))],
    ['  of raw upserts', onEngines((r) => ratio(r.intake / r.raw.upserts))],
    ['  of embedded', onEngines((r) => ratio(r.intake / embedded.intake))],
    ['intake, to acknowledged, events/s', (r) => number(r.acknowledged)],
    ['lag at that load, p50 / p99 ms', (r) => both(r.lagAtLoad)],
    ['  reads answered 503 meanwhile', (r) => number(r.unavailable, 0)],
    ['lag at 100 events/s, p50 / p99 ms', (r) => both(r.lagGentle)],
    ['export and download, resources/s', (r) => number(r.export)],
    ['  of embedded', onEngines((r) => (r.export === undefined ? '' : ratio(r.export / embedded.export!)))],
    ['  resources, seconds', (r) => (r.exported === undefined ? '' : `${r.exported}, ${number(r.exportSeconds, 1)}`)],
    ['single reads, reads/s', (r) => number(r.reads)],
    ['  of raw findOne', onEngines((r) => (r.reads === undefined ? '' : ratio(r.reads / r.raw.finds)))],
    ['  p99 ms', (r) => number(r.readsP99)],
    ['opt-out to effect, p50 / p99 ms', (r) => both(r.optOuts)],
    ['memory of all processes, MB', (r) => number(r.memory.sum)],
    ['memory of the largest, MB', (r) => number(r.memory.max)],
    ['intake, seconds', (r) => number(r.busy, 1)],
    ...[...new Set(results.flatMap((r) => services(r).map(([name]) => name)))].map(
      (name): [string, (r: Result) => string] => [
        `  CPU seconds of 1,000 events: ${name}`,
        (r) => number(r.cpu[name], 2),
      ],
    ),
  ];
  const widths = results.map((r) => Math.max(...rows.map(([, of]) => of(r).length)));
  for (const [what, of] of rows)
    console.log(`${what.padEnd(46)} ${results.map((r, i) => of(r).padStart(widths[i]! + 2)).join('')}`.trimEnd());
  console.log(
    'The MongoDB-compatible server of the tests is SecantusDB, not a mongod: what it takes says nothing of MongoDB.',
  );
}
