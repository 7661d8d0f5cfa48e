import { readFileSync } from 'node:fs';
import { GROUPS } from '@provider-access/domain/alerts';

/** Labels that Prometheus and its operator add to every target. */
const TARGET_LABELS = ['namespace', 'pod', 'instance', 'job', 'container'] as const;

/** Series of kube-state-metrics, for rules that are `optional`. */
const KUBE_STATE: Readonly<Record<string, readonly string[]>> = {
  kube_job_failed: ['namespace', 'job_name', 'condition'],
};

interface Row {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, unknown>> | readonly string[];
}
/** `docs/metrics.json`, generated from the catalogue of libs/service/src/observability. */
const { metrics: ROWS } = JSON.parse(readFileSync(new URL('../../../docs/metrics.json', import.meta.url), 'utf8')) as {
  metrics: Readonly<Record<string, Row>>;
};
const labelsOf = ({ labels }: Row): readonly string[] =>
  Array.isArray(labels) ? (labels as string[]) : Object.keys(labels);

export interface Metric {
  readonly type: Row['type'];
  readonly help: string;
  readonly labels: readonly string[];
}
/** The metrics of the platform, without those of Node and of the process. */
export const METRICS: ReadonlyMap<string, Metric> = new Map(
  Object.entries(ROWS)
    .filter(([name]) => !/^(process|nodejs)_/.test(name))
    .map(([name, row]) => [name, { ...row, labels: labelsOf(row) }]),
);

/** Every series that can exist and its labels: metrics, our recordings, and kube-state-metrics. */
export function knownSeries(): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, ReadonlySet<string>>();
  const add = (name: string, labels: readonly string[]): void =>
    void known.set(name, new Set([...labels, ...TARGET_LABELS]));
  for (const [name, row] of Object.entries(ROWS)) {
    const names = labelsOf(row);
    if (row.type === 'histogram') {
      add(`${name}_bucket`, [...names, 'le']);
      add(`${name}_sum`, names);
      add(`${name}_count`, names);
    } else add(name, names);
  }
  for (const { recordings = [] } of GROUPS) for (const { record, labels } of recordings) add(record, labels);
  for (const [name, labels] of Object.entries(KUBE_STATE)) add(name, labels);
  return known;
}
