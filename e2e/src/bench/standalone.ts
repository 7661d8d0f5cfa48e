import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bulkExport, itemOf, Server, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { publishItems } from '../road.ts';
import { appendWithFsync, bareFastify, gzipCopy } from './baselines.ts';
import { load } from './load.ts';
import { AS_OF, appOf, optOutTimes, sample, targetsOf } from './measures.ts';
import { median, note, quantile, type Row } from './rows.ts';

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
  const lines = items.map(({ line }) => line);
  const raw = appendWithFsync(join(scratch, 'append.tmp'), lines);
  const report = await publishItems(platform, items);
  const perSecond = report.accepted / report.seconds;
  rows.push({
    what: 'intake, to visible',
    value: perSecond,
    unit: 'events/s',
    baseline: `append with fsync ${Math.round(raw)}/s`,
    ratio: perSecond / raw,
    aim: '10,000',
  });
}

/** The standalone on the embedded engine: every figure from intake to export. */
export async function benchStandalone(options: {
  readonly members: number;
  /** Of each load. */
  readonly seconds: number;
  /** How often it starts for the figure of the start. */
  readonly starts: number;
  readonly optOuts: number;
}): Promise<Row[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const rows: Row[] = [];
  try {
    note('start-up');
    rows.push({ what: 'start-up, fresh folder, median', value: await startUp(scratch, options.starts), unit: 'ms' });
    const platform = await startPlatform({
      dataDir: join(scratch, 'data'),
      env: { EXPORT_POLLS_PER_MINUTE: '100000' },
    });
    rows.push({ what: 'memory after start', value: platform.memory() / 1e6, unit: 'MB' });
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, platform.memory())), 250);
    try {
      const server = new Server(platform.base);
      const payer = syntheticPayer({ seed: 'bench', members: options.members, asOf: AS_OF });
      note(`intake of ${options.members} members`);
      await intake(platform, payer, scratch, rows);

      const { app, group } = await appOf(platform, payer.providerOrganizations[0]!);

      note('export');
      const started = performance.now();
      let sealedAt = started;
      const result = await bulkExport({
        server,
        token: () => app.tokens.get(),
        group,
        out: join(scratch, 'files'),
        pollMs: 50,
        onProgress: () => (sealedAt = performance.now()),
      });
      const downloaded = performance.now();
      const output = result.files.filter((f) => f.kind === 'output');
      const plain = await gzipCopy(
        output.map((f) => f.file),
        join(scratch, 'copy'),
      );
      const { resources, lines } = await sample(output);
      const seconds = (downloaded - started) / 1000;
      rows.push(
        { what: 'export and download', value: resources / seconds, unit: 'resources/s', aim: '60,000' },
        {
          what: 'export and download',
          value: plain.bytes / 1e6 / seconds,
          unit: 'MB/s plain',
          baseline: `gzip -1 copy ${plain.megabytesPerSecond.toFixed(0)} MB/s`,
          ratio: plain.bytes / 1e6 / seconds / plain.megabytesPerSecond,
          aim: '0.5',
        },
        { what: 'export until the last poll', value: (sealedAt - started) / 1000, unit: 's' },
      );

      const eob = lines.get('ExplanationOfBenefit') ?? [];
      const targets = targetsOf(lines);
      const token = await app.tokens.get();
      note('single reads');
      const bare = await bareFastify(eob.find((l) => l.length > 2_500) ?? 'x'.repeat(3_000), {
        connections: 32,
        seconds: options.seconds,
      });
      const reads = await load({ base: platform.base, targets, token, connections: 32, seconds: options.seconds });
      rows.push(
        {
          what: 'single reads with token and decision',
          value: reads.perSecond,
          unit: 'reads/s',
          baseline: `bare Fastify ${Math.round(bare.perSecond)}/s`,
          ratio: reads.perSecond / bare.perSecond,
          aim: '12,000',
        },
        { what: 'single reads, p99', value: reads.p99, unit: 'ms' },
      );

      note('search pages');
      const patients = (lines.get('Patient') ?? []).map((line) => (JSON.parse(line) as { id: string }).id);
      const pages = await load({
        base: platform.base,
        targets: patients.map((id) => `/fhir/Observation?patient=${id}&_count=50`),
        token,
        connections: 16,
        seconds: options.seconds,
      });
      const pageBody = (await server.call(`/fhir/Observation?patient=${patients[0]}&_count=50`, { token })).text;
      const barePage = await bareFastify(pageBody, { connections: 16, seconds: options.seconds });
      rows.push({
        what: '50-entry search pages',
        value: pages.perSecond,
        unit: 'pages/s',
        baseline: `bare Fastify, one such page ${Math.round(barePage.perSecond)}/s`,
        ratio: pages.perSecond / barePage.perSecond,
      });

      note('opt-outs');
      const times = await optOutTimes(platform, options.optOuts);
      rows.push(
        { what: 'opt-out to effect, p50', value: quantile(times, 0.5), unit: 'ms' },
        { what: 'opt-out to effect, p99', value: quantile(times, 0.99), unit: 'ms' },
      );
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
