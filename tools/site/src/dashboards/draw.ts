import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { PICTURES, REPOSITORY } from '../paths.ts';
import { pageOf, type Drawn, type GrafanaPanel, type Series } from './page.ts';

/**
 * Draws every dashboard of the chart from the data of a running platform: `npm run pictures -w @provider-access/site`.
 * It starts a sandbox under load and Prometheus (`apt-get install prometheus`), waits, asks Prometheus what each panel
 * asks, and draws the answers in Chromium with ECharts, which is fetched only here. No Grafana is needed.
 */
const ECHARTS = 'echarts@6.0.0';
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const MINUTES = Number(process.env['MINUTES'] ?? 8);
const STEP_SECONDS = 5;
const WIDTH = 1400;
const PORT = 18_080;
const PROMETHEUS_PORT = 18_090;
const BASE = `http://127.0.0.1:${PORT}`;
const DASHBOARDS = join(REPOSITORY, 'charts/provider-access/files/dashboards');

interface Dashboard {
  readonly title: string;
  readonly panels: readonly GrafanaPanel[];
}
interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values?: readonly (readonly [number, string])[];
      readonly value?: readonly [number, string];
    }[];
  };
}

function fetchECharts(): string {
  const folder = mkdtempSync(join(tmpdir(), 'echarts-'));
  try {
    const packed = execFileSync('npm', ['pack', '--silent', ECHARTS], { cwd: folder, encoding: 'utf8' }).trim();
    execFileSync('tar', ['xzf', packed, 'package/dist/echarts.min.js'], { cwd: folder });
    return readFileSync(join(folder, 'package/dist/echarts.min.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const run = promisify(execFile);
const pa = (dataDir: string, ...args: string[]): Promise<{ stdout: string }> =>
  run(process.execPath, [join(REPOSITORY, 'tools/cli/bin/pa.mjs'), '--server', BASE, '--data-dir', dataDir, ...args]);

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await done().catch(() => false)) return;
    await delay(500);
  }
  throw new Error(`${what} did not happen in five minutes`);
}

/** What providers, members and the payer do on a day, in minutes. A request that fails is part of the picture. */
async function load(dataDir: string, stop: AbortSignal): Promise<void> {
  const app = join(dataDir, 'sandbox/clinic-a.app.json');
  const files = mkdtempSync(join(tmpdir(), 'pictures-'));
  const every = async (seconds: number, work: () => Promise<unknown>): Promise<void> => {
    while (!stop.aborted) {
      await work().catch(() => undefined);
      await delay(seconds * 1000, undefined, { signal: stop }).catch(() => undefined);
    }
  };
  const token = async (): Promise<string> => (await pa(dataDir, 'token', '--app', app)).stdout.trim();
  let bearer = await token();
  const get = async (path: string): Promise<string> => {
    const answer = await fetch(BASE + path, { headers: { authorization: `Bearer ${bearer}` } });
    return answer.text();
  };
  const groups = await get('/fhir/Group');
  const group = /\/fhir\/Group\/([\w-]+)"/.exec(groups)![1]!;
  const members = [...groups.matchAll(/Patient\/([\w.-]+)/g)].map(([, id]) => id!);
  let turn = 0;
  const next = (): string => members[(turn += 1) % members.length]!;
  try {
    await Promise.all([
      every(60, async () => (bearer = await token())),
      every(0.1, () => get(`/fhir/Patient/${next()}`)),
      every(0.3, () => get(`/fhir/Observation?patient=${next()}&_count=20`)),
      every(2, () => get('/fhir/Patient/nobody')),
      every(5, () => get('/fhir/Group')),
      every(7, () => fetch(`${BASE}/fhir/Patient/x`, { headers: { authorization: 'Bearer wrong' } })),
      every(25, () => pa(dataDir, 'export', '--app', app, '--group', group, '--out', join(files, String((turn += 1))))),
      every(20, async () => {
        const member = next();
        await pa(dataDir, 'opt-out', '--member', member, '--channel', 'phone');
        await pa(dataDir, 'opt-in', '--member', member);
      }),
    ]);
  } finally {
    rmSync(files, { recursive: true, force: true });
  }
}

/** Grafana's variables, with the values that it would set for this range. */
const plain = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', `${6 * STEP_SECONDS}s`)
    .replaceAll('$__range', `${MINUTES}m`)
    .replaceAll('$namespace', '.*');

async function ask(expr: string, isInstant: boolean): Promise<Answer> {
  const end = Math.floor(Date.now() / 1000);
  const query = new URLSearchParams({ query: plain(expr) });
  if (isInstant) query.set('time', String(end));
  else
    for (const [name, value] of [
      ['start', end - MINUTES * 60],
      ['end', end],
      ['step', STEP_SECONDS],
    ] as const)
      query.set(name, String(value));
  const kind = isInstant ? 'query' : 'query_range';
  const answer = await fetch(`http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/${kind}?${query}`);
  if (!answer.ok) throw new Error(`${expr}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}
const named = (legend: string, metric: Readonly<Record<string, string>>): string =>
  legend === '__auto'
    ? Object.entries(metric)
        .filter(([name]) => name !== '__name__')
        .map(([, value]) => value)
        .join(' ')
    : legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_all, name: string) => metric[name] ?? '');

async function seriesOf(panel: GrafanaPanel): Promise<Series[]> {
  const all: Series[] = [];
  for (const { expr, legendFormat, instant } of panel.targets ?? []) {
    const { data } = await ask(expr, instant);
    for (const { metric, values, value } of data.result)
      all.push({
        name: named(legendFormat, metric) || panel.title,
        labels: metric,
        points: (values ?? [value!]).map(([at, text]) => [at * 1000, Number(text)]),
      });
  }
  return all;
}

async function draw(): Promise<void> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const echarts = fetchECharts();
  try {
    mkdirSync(PICTURES, { recursive: true });
    for (const file of readdirSync(DASHBOARDS)) {
      const { title, panels } = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as Dashboard;
      const drawn: Drawn[] = [];
      for (const panel of panels) drawn.push({ panel, series: await seriesOf(panel) });
      const page = await browser.newPage({ viewport: { width: WIDTH, height: 800 } });
      await page.setContent(pageOf(title, drawn, echarts));
      await page.waitForFunction('globalThis.drawn === true');
      const png = join(PICTURES, `dashboard-${file.replace(/\.json$/, '.png')}`);
      writeFileSync(png, await page.screenshot({ fullPage: true }));
      await page.close();
      const empty = drawn.filter(({ panel, series }) => panel.targets !== undefined && series.length === 0);
      process.stdout.write(`${png}: ${empty.length} of ${panels.length} panels have no data\n`);
    }
  } finally {
    await browser.close();
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dashboards-'));
  const dataDir = join(folder, 'data');
  const started: ChildProcess[] = [];
  const start = (command: string, args: readonly string[], env: Record<string, string> = {}): void => {
    started.push(spawn(command, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, ...env } }));
  };
  const stop = new AbortController();
  try {
    start(process.execPath, [join(REPOSITORY, 'services/standalone/dist/main.js')], {
      SANDBOX: 'true',
      SANDBOX_MEMBERS: '60',
      SANDBOX_EVENTS_PER_MINUTE: '600',
      PORT: String(PORT),
      DATA_DIR: dataDir,
    });
    const scrape = {
      global: { scrape_interval: `${STEP_SECONDS}s` },
      scrape_configs: [
        {
          job_name: 'platform',
          honor_labels: true,
          static_configs: [{ targets: [`127.0.0.1:${PORT}`], labels: { namespace: 'provider-access' } }],
        },
      ],
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(scrape));
    start('prometheus', [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'series')}`,
      `--web.listen-address=127.0.0.1:${PROMETHEUS_PORT}`,
    ]);
    await until('a sandbox that is ready', async () => (await pa(dataDir, 'sandbox', 'show')).stdout.includes('ready'));
    process.stdout.write(`The sandbox is ready. It works for ${MINUTES} minutes.\n`);
    const loading = load(dataDir, stop.signal);
    await delay(MINUTES * 60_000);
    await draw();
    stop.abort();
    await loading;
  } finally {
    stop.abort();
    for (const child of started) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
