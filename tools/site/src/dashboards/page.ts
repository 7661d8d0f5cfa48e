/** A panel of a Grafana dashboard, as far as a picture needs it. */
export interface GrafanaPanel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly instant: boolean }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit: string;
      readonly min?: number;
      readonly max?: number;
      readonly thresholds: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
      readonly mappings: readonly { readonly options: Readonly<Record<string, { readonly text: string }>> }[];
      readonly custom: { readonly stacking?: { readonly mode: string } };
    };
  };
}
/** A series of a panel: its legend, and points of time (ms) and value. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [number, number])[];
}
export interface Drawn {
  readonly panel: GrafanaPanel;
  readonly series: readonly Series[];
}

const ROW_PX = 30;
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const COLORS: Readonly<Record<string, string>> = {
  green: '#37872d',
  yellow: '#b58900',
  orange: '#d9730d',
  red: '#c4162a',
};

/** A value in the unit that Grafana would show. */
function shown(value: number, unit: string, nowMs = Date.now()): string {
  if (!Number.isFinite(value)) return '–';
  const short = (n: number): string => String(Number(n.toPrecision(3)));
  switch (unit) {
    case 'percentunit':
      return `${short(value * 100)} %`;
    case 's':
      return value < 1 ? `${short(value * 1000)} ms` : value < 120 ? `${short(value)} s` : `${short(value / 60)} min`;
    case 'bytes':
    case 'Bps': {
      const power = Math.min(3, Math.max(0, Math.floor(Math.log(Math.max(value, 1)) / Math.log(1024))));
      return `${short(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}${unit === 'Bps' ? '/s' : ''}`;
    }
    case 'reqps':
    case 'cps':
      return `${short(value)}/s`;
    case 'dateTimeFromNow':
      return value === 0 ? 'never' : `${short((nowMs - value) / 1000)} s ago`;
    default:
      return value >= 10_000 ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : short(value);
  }
}

const colorOf = ({ fieldConfig }: GrafanaPanel, value: number): string => {
  const steps = fieldConfig?.defaults.thresholds.steps ?? [];
  const name = steps.findLast((step) => step.value === null || value >= step.value)?.color ?? 'green';
  return COLORS[name] ?? name;
};
const wordOf = ({ fieldConfig }: GrafanaPanel, value: number): string | undefined =>
  fieldConfig?.defaults.mappings[0]?.options[String(value)]?.text;
const unitOf = (panel: GrafanaPanel): string => panel.fieldConfig?.defaults.unit ?? 'short';
const lastOf = ({ points }: Series): number => points.at(-1)![1];

/** The inside of a panel as HTML. A chart is an empty box that the script of the page fills. */
function inside({ panel, series }: Drawn, index: number): string {
  if (series.length === 0) return '<p class="none">No data in this range</p>';
  const value = (one: Series): string => escape(wordOf(panel, lastOf(one)) ?? shown(lastOf(one), unitOf(panel)));
  switch (panel.type) {
    case 'stat':
      return `<div class="stats">${series
        .map(
          (one) =>
            `<div style="color:${colorOf(panel, lastOf(one))}"><b>${value(one)}</b>` +
            `${series.length > 1 ? `<small>${escape(one.name)}</small>` : ''}</div>`,
        )
        .join('')}</div>`;
    case 'bargauge': {
      const most = panel.fieldConfig?.defaults.max ?? Math.max(...series.map(lastOf), 1e-9);
      const bar = (one: Series): string => {
        const style = `width:${Math.min(100, (lastOf(one) / most) * 100)}%;background:${colorOf(panel, lastOf(one))}`;
        const name = `<span>${escape(one.name)}</span>`;
        return `<div class="bar">${name}<i><u style="${style}"></u></i><b>${value(one)}</b></div>`;
      };
      return series.map(bar).join('');
    }
    case 'table': {
      const names = Object.keys(series[0]!.labels).filter((name) => name !== '__name__');
      const rows = series.toSorted((a, b) => lastOf(b) - lastOf(a)).slice(0, 8);
      const line = (tag: string, cells: readonly string[]): string =>
        `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
      const cellsOf = (one: Series): string[] => [...names.map((name) => escape(one.labels[name] ?? '')), value(one)];
      const body = rows.map((one) => line('td', cellsOf(one))).join('');
      return `<table>${line('th', [...names.map(escape), 'value'])}${body}</table>`;
    }
    case 'state-timeline':
      return series
        .map((one) => {
          const cells = one.points.map(([, at]) => `<u style="background:${colorOf(panel, at)}"></u>`).join('');
          return `<div class="state"><span>${escape(one.name)}</span><i>${cells}</i><b>${value(one)}</b></div>`;
        })
        .join('');
    default:
      return `<div class="chart" data-panel="${index}"></div>`;
  }
}

/** What ECharts draws for a panel with lines, or for a heat map of the buckets of a histogram. */
function chartOf({ panel, series }: Drawn): object {
  const unit = unitOf(panel);
  if (panel.type === 'heatmap') {
    const bound = (one: Series): number => Number(one.labels['le']!.replace('+Inf', 'Infinity'));
    const sorted = series.toSorted((a, b) => bound(a) - bound(b));
    const times = sorted[0]!.points.map(([at]) => new Date(at).toISOString().slice(11, 16));
    const cells = sorted.flatMap((one, y) => {
      const below = sorted[y - 1]?.points;
      return one.points.map(([, count], x) => [x, y, Math.max(0, count - (below?.[x]?.[1] ?? 0))]);
    });
    return {
      grid: { left: 60, right: 12, top: 8, bottom: 24 },
      xAxis: { type: 'category', data: times },
      yAxis: {
        type: 'category',
        data: sorted.map((one) => (bound(one) === Infinity ? 'more' : shown(bound(one), unit))),
      },
      visualMap: {
        show: false,
        min: 0,
        max: Math.max(...cells.map(([, , count]) => count!), 1e-9),
        inRange: { color: ['#f4f6fb', '#3451b2'] },
      },
      series: [{ type: 'heatmap', data: cells }],
    };
  }
  const stacked = panel.fieldConfig?.defaults.custom.stacking?.mode === 'normal';
  return {
    unit,
    legend: { bottom: 0, type: 'scroll', icon: 'roundRect', itemWidth: 10, itemHeight: 4, textStyle: { fontSize: 10 } },
    grid: { left: 64, right: 12, top: 10, bottom: 46 },
    xAxis: { type: 'time', splitNumber: 4, axisLabel: { fontSize: 10 } },
    yAxis: { type: 'value', min: panel.fieldConfig?.defaults.min, axisLabel: { fontSize: 10 } },
    series: series.slice(0, 12).map((one) => ({
      name: one.name,
      type: 'line',
      showSymbol: false,
      lineStyle: { width: 1.5 },
      ...(stacked && { stack: 'all', areaStyle: { opacity: 0.3 } }),
      data: one.points,
    })),
  };
}

/** The whole dashboard as one page, which sets `drawn` when every chart is there. */
export function pageOf(title: string, drawn: readonly Drawn[], echarts: string): string {
  const charts: Record<number, object> = {};
  const boxes = drawn.map((one, index) => {
    const { x, y, w, h } = one.panel.gridPos;
    const place = `grid-column:${x + 1}/span ${w};grid-row:${y + 1}/span ${h}`;
    if (one.panel.type === 'row') return `<h2 style="${place}">${escape(one.panel.title)}</h2>`;
    const content = inside(one, index);
    if (content.includes('data-panel')) charts[index] = chartOf(one);
    return `<section style="${place}"><h3>${escape(one.panel.title)}</h3>${content}</section>`;
  });
  const data = JSON.stringify(charts).replaceAll('<', String.raw`\u003c`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><style>${STYLE}</style><body><h1>${escape(title)}</h1>
<div class="grid">${boxes.join('')}</div><script>${echarts}</script><script>
const shown = ${shown.toString()};
for (const [index, { unit, ...option }] of Object.entries(${data})) {
  if (unit !== undefined) option.yAxis.axisLabel.formatter = (value) => shown(value, unit);
  echarts.init(document.querySelector('[data-panel="' + index + '"]')).setOption({ animation: false, ...option });
}
globalThis.drawn = true;
</script></body></html>`;
}

const STYLE = `
body { margin: 0; padding: 16px; background: #f4f5f7; color: #24292e; font: 13px/1.4 system-ui, sans-serif }
h1 { font-size: 20px; margin: 0 0 8px }
.grid { display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: ${ROW_PX}px; gap: 6px }
h2 { font-size: 14px; margin: 6px 0 0 }
section { background: #fff; border: 1px solid #dfe2e8; border-radius: 4px; padding: 6px 10px; overflow: hidden;
  display: flex; flex-direction: column }
h3 { font-size: 12px; margin: 0 0 4px; font-weight: 600 }
.chart { flex: 1; min-height: 0 }
.none { margin: auto; color: #6a737d }
.stats { flex: 1; display: flex; flex-wrap: wrap; gap: 4px 16px; align-content: center; justify-content: center }
.stats b { display: block; font-size: 20px; text-align: center }
.stats small { display: block; text-align: center; color: #57606a }
.bar, .state { display: flex; gap: 8px; align-items: center; padding: 3px 0; font-size: 12px }
.bar span, .state span { width: 32% }
.bar i, .state i { flex: 1; height: 14px; background: #eceff4; display: flex }
.bar u { display: block; height: 100% }
.state u { flex: 1; height: 100% }
table { border-collapse: collapse; font-size: 11px; width: 100% }
th, td { text-align: left; padding: 2px 6px; border-bottom: 1px solid #eceff4 }
`;
