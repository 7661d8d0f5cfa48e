import { DASHBOARDS } from '../dashboards/index.ts';
import { RATE, type Dashboard, type Panel, type Steps } from '../dashboards/panels.ts';
import { ofDashboard } from '@provider-access/domain/alerts';

/** The schema version of Grafana 12. Older versions read it, newer ones upgrade it. */
const SCHEMA_VERSION = 41;
const COLUMNS = 24;
const HEIGHTS: Readonly<Record<Panel['kind'], number>> = {
  timeseries: 8,
  heatmap: 8,
  table: 8,
  bargauge: 7,
  stat: 7,
  'state-timeline': 7,
};
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const uidOf = ({ name, uid }: Pick<Dashboard, 'name' | 'uid'>): string => uid ?? `provider-access-${name}`;

/** One dashboard as Grafana imports it (`dashboard.grafana.com`'s JSON, not the API's envelope). */
export function dashboardFile(dashboard: Dashboard): string {
  const panels: unknown[] = [];
  let y = 0;
  const id = (): number => panels.length + 1;
  for (const row of dashboard.rows) {
    panels.push({
      id: id(),
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const w = panel.width ?? 8;
      const h = HEIGHTS[panel.kind];
      if (x + w > COLUMNS) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push({ id: id(), gridPos: { x, y, w, h }, ...panelOf(panel) });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  const file = {
    uid: uidOf(dashboard),
    title: dashboard.title,
    description: dashboard.about,
    tags: ['provider-access'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    timezone: 'browser',
    time: { from: 'now-6h', to: 'now' },
    fiscalYearStartMonth: 0,
    annotations: { list: [] },
    links: [
      {
        type: 'dashboards',
        title: 'Provider Access',
        tags: ['provider-access'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
    ],
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Data source',
          type: 'datasource',
          query: 'prometheus',
          refresh: 1,
          hide: 0,
          includeAll: false,
          multi: false,
          regex: '',
          options: [],
          current: {},
        },
        {
          name: 'namespace',
          label: 'Release',
          type: 'query',
          datasource: DATASOURCE,
          query: { query: 'label_values(pa_build_info, namespace)', refId: 'namespace' },
          definition: 'label_values(pa_build_info, namespace)',
          refresh: 2,
          sort: 1,
          hide: 0,
          includeAll: true,
          allValue: '.*',
          multi: false,
          regex: '',
          options: [],
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels,
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** Every expression of every dashboard in the form for Prometheus, with Grafana's variables set. */
export const DASHBOARD_EXPRESSIONS: readonly string[] = DASHBOARDS.flatMap(({ rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ queries }) =>
      queries.map(({ expr }) =>
        expr(ofDashboard).replaceAll(RATE, '5m').replaceAll('$__range', '6h').replaceAll('$namespace', '.*'),
      ),
    ),
  ),
);

const thresholds = ([first, ...more]: Steps): unknown => ({
  mode: 'absolute',
  steps: [{ color: first, value: null }, ...more.map(([value, color]) => ({ color, value }))],
});

function panelOf(panel: Panel): Record<string, unknown> {
  const { kind, title, about, unit, queries, steps, words } = panel;
  const instant = kind === 'stat' || kind === 'table' || kind === 'bargauge';
  const lines = kind === 'timeseries';
  return {
    type: kind,
    title,
    description: about,
    datasource: DATASOURCE,
    targets: queries.map(({ legend, expr }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      editorMode: 'code',
      expr: expr(ofDashboard),
      legendFormat: legend === '' ? '__auto' : legend,
      range: !instant,
      instant,
      ...(kind === 'heatmap' && { format: 'heatmap' }),
      ...(kind === 'table' && { format: 'table' }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        color: { mode: steps === undefined || lines ? 'palette-classic' : 'thresholds' },
        ...(panel.min !== undefined && { min: panel.min }),
        ...(panel.max !== undefined && { max: panel.max }),
        thresholds: thresholds(steps ?? ['green']),
        mappings:
          words === undefined
            ? []
            : [
                {
                  type: 'value',
                  options: Object.fromEntries(
                    Object.entries(words).map(([value, text], index) => [value, { text, index }]),
                  ),
                },
              ],
        custom: lines
          ? {
              drawStyle: 'line',
              lineWidth: 1,
              fillOpacity: panel.stacked === true ? 30 : 5,
              showPoints: 'never',
              spanNulls: false,
              stacking: { mode: panel.stacked === true ? 'normal' : 'none', group: 'A' },
              thresholdsStyle: { mode: steps === undefined ? 'off' : 'dashed' },
            }
          : {},
      },
      overrides: [],
    },
    options: OPTIONS[kind],
  };
}

const REDUCE = { calcs: ['lastNotNull'], fields: '', values: false };
const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };
const OPTIONS: Readonly<Record<Panel['kind'], unknown>> = {
  timeseries: { legend: LEGEND, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: {
    reduceOptions: REDUCE,
    colorMode: 'value',
    graphMode: 'none',
    justifyMode: 'auto',
    orientation: 'auto',
    textMode: 'auto',
  },
  bargauge: {
    reduceOptions: REDUCE,
    displayMode: 'gradient',
    orientation: 'horizontal',
    showUnfilled: true,
    valueMode: 'color',
  },
  table: { showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: 'Value', desc: true }] },
  heatmap: {
    calculate: false,
    cellGap: 1,
    color: { mode: 'scheme', scheme: 'Oranges', steps: 64, fill: 'dark-orange' },
    yAxis: { unit: 's', axisPlacement: 'left' },
    legend: { show: true },
    tooltip: { mode: 'single', showColorScale: false, yHistogram: false },
  },
  'state-timeline': {
    mergeValues: true,
    showValue: 'auto',
    rowHeight: 0.9,
    alignValue: 'left',
    legend: LEGEND,
    tooltip: { mode: 'single', sort: 'none' },
  },
};
