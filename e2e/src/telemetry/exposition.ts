import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
/** A metric with its samples. Those of a histogram have the names of its parts. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-z_:][a-z0-9_:]*$/;
const SAMPLE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/gy;

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const found = LABEL.exec(text);
    if (found === null || found[1]! in labels) throw new Error(`labels: ${text}`);
    labels[found[1]!] = found[2]!;
  }
  return labels;
}
const numberOf = (text: string): number =>
  text === '+Inf'
    ? Number.POSITIVE_INFINITY
    : text === 'NaN'
      ? Number.NaN
      : /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)
        ? Number(text)
        : Number.NaN;

/**
 * Reads Prometheus' text format 0.0.4, more strictly than a scraper: each metric once, HELP then TYPE then samples, no
 * sample twice, no NaN, histograms whose buckets grow and end with the count.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * @throws Error naming the line
 */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family & { readonly samples: Sample[] }>();
  let current: (Family & { readonly samples: Sample[] }) | undefined;
  let help: { name: string; text: string } | undefined;
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) {
      const [, name, said] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
      if (name === undefined || !NAME.test(name)) throw new Error(line);
      help = { name, text: said! };
    } else if (line.startsWith('# TYPE ')) {
      const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      if (name === undefined || help?.name !== name || families.has(name)) throw new Error(line);
      families.set(name, (current = { name, type: type!, help: help.text, samples: [] }));
    } else {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
      if (name === undefined || current === undefined) throw new Error(line);
      const parts =
        current.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => current!.name + end) : [current.name];
      const sample = { name, labels: labelsOf(labels), value: numberOf(value!) };
      const id = `${name} ${JSON.stringify(Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
      if (!parts.includes(name) || Number.isNaN(sample.value) || seen.has(id)) throw new Error(line);
      seen.add(id);
      current.samples.push(sample);
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, { last: number; bound: number; count: number | undefined }>();
  for (const {
    name: part,
    labels: { le, ...labels },
    value,
  } of samples) {
    const key = JSON.stringify(labels);
    const known = series.get(key) ?? { last: 0, bound: Number.NEGATIVE_INFINITY, count: undefined };
    series.set(key, known);
    if (part === `${name}_count`) known.count = value;
    if (le === undefined) continue;
    const bound = numberOf(le);
    if (bound <= known.bound || value < known.last) throw new Error(`${name}: buckets of ${key} do not grow`);
    Object.assign(known, { bound, last: value });
  }
  for (const [key, { bound, last, count }] of series)
    if (bound !== Number.POSITIVE_INFINITY || last !== count)
      throw new Error(`${name}: the last bucket of ${key} is not the count`);
}

export interface Documented {
  readonly type: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
}
/** docs/metrics.json: the metrics that may exist. */
export const documentedMetrics = (): Readonly<Record<string, Documented>> =>
  (
    JSON.parse(readFileSync(fileURLToPath(new URL('../../../docs/metrics.json', import.meta.url)), 'utf8')) as {
      metrics: Record<string, Documented>;
    }
  ).metrics;

/**
 * What an exposition has and the table does not: another type or help, unknown labels, values that a label may not
 * have.
 */
export function undocumented(families: ReadonlyMap<string, Family>, documented = documentedMetrics()): string[] {
  return [...families.values()].flatMap(({ name, type, help, samples }) => {
    const known = documented[name];
    if (known === undefined || known.type !== type || known.help !== help) return [`${name} (${type}): ${help}`];
    return samples.flatMap(({ labels: { le: _bound, ...labels } }) => {
      const names = Object.keys(known.labels);
      // Metrics of Node and prom-client: a sample need not have all labels of its metric.
      if (Object.values(known.labels).includes('of Node')) return [];
      const wrong =
        names.length === Object.keys(labels).length
          ? names.filter((label) => !mayBe(known.labels[label]!, labels[label]))
          : names;
      return wrong.map((label) => `${name}{${label}="${labels[label]}"}`);
    });
  });
}
function mayBe(allowed: readonly string[] | string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (value === 'other') return true;
  return typeof allowed === 'string' ? new RegExp(allowed.slice(1, -1)).test(value) : allowed.includes(value);
}
