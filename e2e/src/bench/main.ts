import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { bulkExport, gunzipLines, publish, Server, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { itemOf, registerApp } from '../harness.ts';
import { appendWithFsync, bareFastify, gzipCopy } from './baselines.ts';
import { load } from './load.ts';

/** Figures of the road, each as a ratio to raw work measured in the same minute. See docs/performance/README.md. */
interface Row { readonly what: string; readonly value: number; readonly unit: string; readonly baseline?: string; readonly ratio?: number; readonly aim?: string }

const AS_OF = '2026-11-01T00:00:00.000Z';
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const quantile = (values: number[], q: number): number => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!;

async function startUp(scratch: string, runs: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now();
    const platform = await startPlatform({ dataDir: join(scratch, `start-${i}`) });
    times.push(performance.now() - started);
    await platform.stop();
  }
  return median(times);
}

async function intake(platform: PlatformProcess, payer: SyntheticPayer, scratch: string, rows: Row[]): Promise<void> {
  const items = [...payer.events()].map(itemOf);
  const lines = items.flatMap((item) => (item.ok ? [item.line] : []));
  const raw = appendWithFsync(join(scratch, 'append.tmp'), lines);
  const report = await publish(items, { server: new Server(platform.base), token: platform.payerToken, patienceMs: 600_000 });
  const perSecond = report.accepted / report.seconds;
  rows.push({ what: 'intake, to visible', value: perSecond, unit: 'events/s', baseline: `append with fsync ${Math.round(raw)}/s`, ratio: perSecond / raw, aim: '10,000' });
}

async function optOuts(platform: PlatformProcess, count: number, rows: Row[]): Promise<void> {
  const server = new Server(platform.base);
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const event = { specversion: '1.0', id: `bench-${i}`, source: 'urn:bench', type: i % 2 === 0 ? 'payer.member-opted-out.v1' : 'payer.member-opted-in.v1', time: new Date().toISOString(), subject: 'bench-member', data: {} };
    const started = performance.now();
    const { text } = await server.call('/events', { method: 'POST', token: platform.payerToken, headers: { 'content-type': 'application/cloudevents+json' }, body: JSON.stringify(event) });
    if ((JSON.parse(text) as { status: string }).status !== 'effective') throw new Error('an opt-out was not answered effective');
    times.push(performance.now() - started);
  }
  rows.push({ what: 'opt-out to effect, p50', value: quantile(times, 0.5), unit: 'ms' }, { what: 'opt-out to effect, p99', value: quantile(times, 0.99), unit: 'ms' });
}

/** Counts all lines and keeps some of each type. */
async function sample(files: readonly { readonly type: string; readonly file: string }[]): Promise<{ resources: number; lines: Map<string, string[]> }> {
  const lines = new Map<string, string[]>();
  let resources = 0;
  for (const { file, type } of files) {
    const kept = lines.get(type) ?? [];
    lines.set(type, kept);
    for await (const line of gunzipLines(file)) {
      resources += 1;
      if (kept.length < 2_000) kept.push(line);
    }
  }
  return { resources, lines };
}

async function bench(options: { members: number; seconds: number }): Promise<Row[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const rows: Row[] = [];
  const note = (text: string): void => void process.stderr.write(`bench: ${text}\n`);
  try {
    note('start-up');
    rows.push({ what: 'start-up, fresh folder, median', value: await startUp(scratch, 3), unit: 'ms' });
    const platform = await startPlatform({ dataDir: join(scratch, 'data'), env: { EXPORT_POLLS_PER_MINUTE: '100000' } });
    rows.push({ what: 'memory after start', value: platform.memory() / 1e6, unit: 'MB' });
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, platform.memory())), 250);
    try {
      const server = new Server(platform.base);
      const payer = syntheticPayer({ seed: 'bench', members: options.members, asOf: AS_OF });
      note(`intake of ${options.members} members`);
      await intake(platform, payer, scratch, rows);

      const provider = payer.providerOrganizations[0]!;
      const app = await registerApp(platform, { name: 'bench', npi: provider.npi, tin: provider.tin });
      const group = (await server.json<{ entry: { resource: { id: string } }[] }>(`/fhir/Group?_summary=true&identifier=${provider.npi}`, { token: await app.tokens.get() })).entry[0]!.resource.id;

      note('export');
      const started = performance.now();
      let sealedAt = started;
      const result = await bulkExport({ server, token: () => app.tokens.get(), group, out: join(scratch, 'files'), pollMs: 50, onProgress: () => (sealedAt = performance.now()) });
      const downloaded = performance.now();
      const output = result.files.filter((f) => f.kind === 'output');
      const plain = await gzipCopy(output.map((f) => f.file), join(scratch, 'copy'));
      const { resources, lines } = await sample(output);
      const seconds = (downloaded - started) / 1000;
      rows.push(
        { what: 'export and download', value: resources / seconds, unit: 'resources/s', aim: '60,000' },
        { what: 'export and download', value: plain.bytes / 1e6 / seconds, unit: 'MB/s plain', baseline: `gzip -1 copy ${plain.megabytesPerSecond.toFixed(0)} MB/s`, ratio: plain.bytes / 1e6 / seconds / plain.megabytesPerSecond, aim: '0.5' },
        { what: 'export until the last poll', value: (sealedAt - started) / 1000, unit: 's' },
      );

      const eob = lines.get('ExplanationOfBenefit') ?? [];
      const targets = [...lines.entries()].flatMap(([type, list]) => list.slice(0, 200).map((line) => `/fhir/${type}/${(JSON.parse(line) as { id: string }).id}`));
      const token = await app.tokens.get();
      note('single reads');
      const bare = await bareFastify(eob.find((l) => l.length > 2_500) ?? 'x'.repeat(3_000), { connections: 32, seconds: options.seconds });
      const reads = await load({ base: platform.base, targets, token, connections: 32, seconds: options.seconds });
      if (reads.failures > 0) throw new Error(`${reads.failures} of ${reads.requests} reads failed`);
      rows.push({ what: 'single reads with token and decision', value: reads.perSecond, unit: 'reads/s', baseline: `bare Fastify ${Math.round(bare.perSecond)}/s`, ratio: reads.perSecond / bare.perSecond, aim: '12,000' }, { what: 'single reads, p99', value: reads.p99, unit: 'ms' });

      note('search pages');
      const patients = (lines.get('Patient') ?? []).map((line) => (JSON.parse(line) as { id: string }).id);
      const pages = await load({ base: platform.base, targets: patients.map((id) => `/fhir/Observation?patient=${id}&_count=50`), token, connections: 16, seconds: options.seconds });
      if (pages.failures > 0) throw new Error(`${pages.failures} of ${pages.requests} searches failed`);
      const pageBody = (await server.call(`/fhir/Observation?patient=${patients[0]}&_count=50`, { token })).text;
      const barePage = await bareFastify(pageBody, { connections: 16, seconds: options.seconds });
      rows.push({ what: '50-entry search pages', value: pages.perSecond, unit: 'pages/s', baseline: `bare Fastify, one such page ${Math.round(barePage.perSecond)}/s`, ratio: pages.perSecond / barePage.perSecond });

      note('opt-outs');
      await optOuts(platform, 200, rows);
      rows.push({ what: 'memory, peak', value: peak / 1e6, unit: 'MB' });
    } finally {
      clearInterval(watch);
      await platform.stop();
    }
    return rows;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const program = new Command('bench').option('--members <n>', 'members of the synthetic payer', Number, 400).option('--seconds <n>', 'of each load', Number, 8).option('--small', 'a quick pass: 25 members, 2 s').option('--json <file>', 'write the figures as JSON');
program.parse();
const given = program.opts<{ members: number; seconds: number; small?: boolean; json?: string }>();
const rows = await bench(given.small === true ? { members: 25, seconds: 2 } : given);
for (const row of rows) console.log(`${row.what.padEnd(38)} ${row.value.toFixed(row.value < 100 ? 1 : 0).padStart(9)} ${row.unit.padEnd(13)}${row.ratio === undefined ? '' : ` ${row.ratio.toFixed(2)} of ${row.baseline}`}${row.aim === undefined ? '' : `  (aim ${row.aim})`}`);
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify({ machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }, rows }, null, 2)}\n`);
