/** Series in promtool's notation (`0+60x10`, `_x5`, `1x20`), one value a minute. */
export type Series = Readonly<Record<string, string>>;
interface Fired {
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface AlertCase {
  /** What happens, in words. */
  readonly when: string;
  readonly series: Series;
  /** Minutes from the start. */
  readonly at: number;
  /** Labels and summary of each alert that fires then; an empty list means silence. */
  readonly fires: readonly Fired[];
}
/** With these series the alert fires at that minute. */
export const firesAt = (at: number, when: string, series: Series, fired: Fired): AlertCase => ({
  when,
  series,
  at,
  fires: [fired],
});
/** With these series nothing fires at that minute. */
export const silentAt = (at: number, when: string, series: Series): AlertCase => ({ when, series, at, fires: [] });

/** By the alert's name without its prefix. */
export type CaseTable = Readonly<Record<string, readonly AlertCase[]>>;

export const NAMESPACE = 'pa';
/** A series of a process: its labels first, then those that Prometheus gives to a target. */
export const series = (metric: string, labels: Readonly<Record<string, string>> = {}, instance = 'a'): string => {
  const all = { ...labels, namespace: NAMESPACE, pod: instance, instance: `${instance}:8080` };
  return `${metric}{${Object.entries(all)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;
};
