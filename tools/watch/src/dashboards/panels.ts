import type { Of } from '@provider-access/domain/alerts';

/** Units as Grafana spells them. */
export type Unit = 'short' | 's' | 'reqps' | 'cps' | 'percentunit' | 'bytes' | 'Bps' | 'dateTimeFromNow' | 'none';
/** Colours by the value at which they begin; the first colour has no value. */
export type Steps = readonly [string, ...(readonly [number, string])[]];

export interface Panel {
  readonly kind: 'timeseries' | 'stat' | 'table' | 'heatmap' | 'bargauge' | 'state-timeline';
  readonly title: string;
  /** What it shows and what is normal: appears when the pointer is on the title. */
  readonly about: string;
  readonly unit: Unit;
  readonly queries: readonly { readonly legend: string; readonly expr: (of: Of) => string }[];
  readonly steps?: Steps;
  /** Of 24 columns. Default 8, a stat 4. */
  readonly width?: number;
  readonly min?: number;
  readonly max?: number;
  /** For a state-timeline or stat: the name of a value. */
  readonly words?: Readonly<Record<string, string>>;
  readonly stacked?: boolean;
}
interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Also the file's name. */
  readonly name: string;
  /** Default: `provider-access-<name>`. It never changes, because links rest on it. */
  readonly uid?: string;
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
}

type Query = readonly [legend: string, expr: (of: Of) => string];
type More = Partial<Omit<Panel, 'kind' | 'title' | 'about' | 'unit' | 'queries'>>;
const panel =
  (kind: Panel['kind']) =>
  (title: string, unit: Unit, about: string, queries: readonly Query[], more: More = {}): Panel => ({
    kind,
    title,
    unit,
    about,
    queries: queries.map(([legend, expr]) => ({ legend, expr })),
    ...more,
  });

export const lines = panel('timeseries');
export const stat = panel('stat');
export const table = panel('table');
export const heatmap = panel('heatmap');
export const bars = panel('bargauge');
export const states = panel('state-timeline');

export const RATE = '$__rate_interval';
/** `sum by (labels) (rate(metric))`. */
export const perSecond =
  (metric: string, by: string, matchers?: string) =>
  (of: Of): string =>
    `sum by (${by}) (rate(${of(metric, matchers)}[${RATE}]))`;
/** Every process of a service reports the same: the largest is the newest. */
export const largest =
  (metric: string, by: string, matchers?: string) =>
  (of: Of): string =>
    `max by (${by}) (${of(metric, matchers)})`;
export const quantile =
  (q: number, histogram: string, by: string, matchers?: string) =>
  (of: Of): string =>
    `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) ` +
    `(rate(${of(`${histogram}_bucket`, matchers)}[${RATE}])))`;
