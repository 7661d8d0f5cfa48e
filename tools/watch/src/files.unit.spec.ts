import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { alertName, ALERTS, GROUPS, ofDashboard, ofRelease } from '@provider-access/domain/alerts';
import { CASES } from './cases/index.ts';
import { knownSeries } from './catalogue.ts';
import { DASHBOARDS, withAllMetrics } from './dashboards/index.ts';
import { generatedFiles, watchingPage } from './files.ts';
import { namesIn } from './promql.ts';

const root = join(import.meta.dirname, '../../..');
const generated = generatedFiles();
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('generated files are current (npm run generate -w tools/watch writes them)', () => {
  test.each([...generated])('%s', async (file, text) => {
    await expect(text).toMatchFileSnapshot(join(root, file));
  });
  test.each(['dashboards', 'alerts'])('there are no others in files/%s', (folder) => {
    const expected = [...generated.keys()]
      .filter((file) => file.includes(`/${folder}/`))
      .map((file) => file.split('/').at(-1)!);
    expect(readdirSync(join(root, 'charts/provider-access/files', folder)).sort()).toEqual(expected.sort());
  });
  test('the tables of docs/watching.md', async () => {
    await expect(watchingPage(read('docs/watching.md'))).toMatchFileSnapshot(join(root, 'docs/watching.md'));
  });
});

const expressions = [
  ...GROUPS.flatMap(({ recordings = [], alerts }) => [
    ...recordings.map(({ record, expr }) => [record, expr(ofRelease)] as const),
    ...alerts.map((alert) => [alertName(alert), alert.expr(ofRelease)] as const),
  ]),
  ...DASHBOARDS.flatMap(({ name, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map(({ expr }, i) => [`${name}: ${title} ${i + 1}`, expr(ofDashboard)] as const),
      ),
    ),
  ),
];
describe('expressions speak of what is measured', () => {
  const known = knownSeries();
  const labels = new Set([...known.values()].flatMap((each) => [...each]));
  test.each(expressions)('%s', (_, expr) => {
    const { selectors, grouping } = namesIn(expr);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...known.keys()], metric).toContain(metric);
      for (const label of labels) expect([...known.get(metric)!], `${metric}{${label}}`).toContain(label);
      expect(labels, `${metric} is not limited to the release`).toContain('namespace');
    }
    for (const label of grouping) expect([...labels]).toContain(label);
    // No grouping can have a label that one of the metrics lacks.
    for (const label of grouping)
      expect(
        selectors.some(({ metric }) => known.get(metric)!.has(label)),
        `by (${label})`,
      ).toBe(true);
  });
});

describe('alerts', () => {
  test('have names of their own, and follow alerts that exist', () => {
    const names = ALERTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { follows = [] } of ALERTS) for (const cause of follows) expect(names).toContain(cause);
  });
  test.each(ALERTS)('$name keeps the labels that its texts name', (alert) => {
    const { selectors, grouping } = namesIn(alert.expr(ofRelease));
    const kept = new Set([...grouping, ...selectors.flatMap(({ labels }) => labels)]);
    const recorded = GROUPS.flatMap(({ recordings = [] }) => recordings)
      .filter(({ record }) => selectors.some(({ metric }) => metric === record))
      .flatMap(({ labels }) => labels);
    for (const [, label] of `${alert.summary} ${alert.description}`.matchAll(/\$labels\.(\w+)/g))
      expect([...kept, ...recorded]).toContain(label);
  });
  test.each(GROUPS)('$name is one group as Prometheus and a PrometheusRule take it', ({ name, alerts }) => {
    const { groups } = parse(generated.get(`charts/provider-access/files/alerts/${name}.yaml`)!) as {
      groups: {
        name: string;
        rules: {
          alert?: string;
          expr: string;
          labels?: Record<string, string>;
          annotations?: Record<string, string>;
        }[];
      }[];
    };
    expect(groups.map((group) => group.name)).toEqual([`provider-access.${name}`]);
    const written = groups[0]!.rules.filter(({ alert }) => alert !== undefined);
    expect(written.map(({ alert }) => alert)).toEqual(alerts.map(alertName));
    for (const { labels, annotations } of written) {
      expect(['page', 'ticket']).toContain(labels!['severity']);
      expect(Object.keys(annotations!)).toEqual(['summary', 'description', 'runbook_url']);
    }
  });
});

describe('unit tests', () => {
  test('each alert has cases, and each case is of an alert', () => {
    expect(Object.keys(CASES).sort()).toEqual(ALERTS.map(({ name }) => name).sort());
  });
  test.each(Object.entries(CASES))('%s: it fires in one at least and is silent in one at least', (_, cases) => {
    expect(cases.some(({ fires }) => fires.length > 0)).toBe(true);
    expect(cases.some(({ fires }) => fires.length === 0)).toBe(true);
  });
});

describe('runbooks', () => {
  const SECTIONS = ['What a person sees', 'What to look at', 'What to do', 'How to know that it worked'];
  const folder = join(root, 'docs/runbooks');
  test('each alert has one and each is of an alert', () => {
    const written = readdirSync(folder).filter((file) => file !== 'README.md');
    expect(written.sort()).toEqual(ALERTS.map((alert) => `${alertName(alert)}.md`).sort());
  });
  test.each(ALERTS.map((alert) => alertName(alert)))('%s has the four sections, each with something in it', (name) => {
    const file = join(folder, `${name}.md`);
    expect(existsSync(file), `docs/runbooks/${name}.md is missing`).toBe(true);
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n')[0]).toBe(`# ${name}`);
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(SECTIONS);
    for (const section of text.split(/^## .*$/m).slice(1)) expect(section.trim().length).toBeGreaterThan(40);
  });
  test('metrics and variables that they name exist', () => {
    const known = knownSeries();
    const variables = read('docs/configuration.md');
    for (const file of readdirSync(folder)) {
      const text = readFileSync(join(folder, file), 'utf8');
      for (const [name] of text.matchAll(/\b(pa|http|nodejs|process)_[a-z0-9_]+\b/g))
        expect(
          [...known.keys()].some((metric) => metric === name || metric.startsWith(`${name}_`)),
          `${file}: ${name}`,
        ).toBe(true);
      for (const [, name] of text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g))
        expect(variables, `${file}: ${name}`).toContain(`\`${name}\``);
    }
  });
});

describe('dashboards', () => {
  interface Target {
    readonly refId: string;
    readonly expr: string;
    readonly datasource: { readonly uid: string };
  }
  interface PanelJson {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly description?: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly Target[];
  }
  interface File {
    readonly uid: string;
    readonly schemaVersion: number;
    readonly panels: readonly PanelJson[];
    readonly templating: { readonly list: readonly { readonly name: string }[] };
  }
  const files = DASHBOARDS.map(
    ({ name }) =>
      [name, JSON.parse(generated.get(`charts/provider-access/files/dashboards/${name}.json`)!) as File] as const,
  );

  test('have the uids on which links rest', () => {
    expect(files.map(([, { uid }]) => uid)).toEqual(
      ['road', 'intake', 'exports', 'access', 'engines'].map((name) => `provider-access-${name}`),
    );
  });
  test.each(files)('%s: panels lie side by side, say what they tell, and ask the chosen data source', (_, file) => {
    expect(file.schemaVersion).toBe(41);
    expect(file.templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace']);
    expect(new Set(file.panels.map(({ id }) => id)).size).toBe(file.panels.length);
    const taken = new Set<string>();
    for (const {
      type,
      title,
      description,
      gridPos: { x, y, w, h },
      targets,
    } of file.panels) {
      expect(x + w).toBeLessThanOrEqual(24);
      for (let i = x; i < x + w; i += 1)
        for (let j = y; j < y + h; j += 1) {
          expect(taken.has(`${i}/${j}`), `${title} lies over another`).toBe(false);
          taken.add(`${i}/${j}`);
        }
      if (type === 'row') continue;
      expect(description, title).toMatch(/\w.*\./);
      for (const { expr, datasource } of targets!) {
        expect(datasource.uid).toBe('${datasource}');
        expect(expr).toContain('$namespace');
      }
    }
  });
  test('a new metric has a plain panel on the last one, until somebody gives it a place', () => {
    const { rows: before } = DASHBOARDS.at(-1)!;
    const metrics = new Map(
      (
        [
          ['pa_polls_total', 'counter', ['service']],
          ['pa_poll_seconds', 'histogram', []],
          ['pa_pollers', 'gauge', ['service']],
        ] as const
      ).map(([name, type, labels]) => [name, { type, labels, help: `Help of ${name}` }]),
    );
    const { rows } = withAllMetrics(DASHBOARDS, metrics).at(-1)!;
    expect(rows.slice(0, before.length)).toEqual(before);
    expect(
      rows
        .slice(before.length)
        .flatMap(({ panels }) => panels.map((panel) => [panel.about, panel.queries[0]!.expr((name) => name)])),
    ).toEqual([
      ['Help of pa_polls_total.', 'sum by (service) (rate(pa_polls_total[$__rate_interval]))'],
      [
        'Help of pa_poll_seconds, 95 %.',
        'histogram_quantile(0.95, sum by (le) (rate(pa_poll_seconds_bucket[$__rate_interval])))',
      ],
      ['Help of pa_pollers.', 'pa_pollers'],
    ]);
  });
});
