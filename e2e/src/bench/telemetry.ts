import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { publishItems, registerApp, type TestApp } from '../road.ts';
import { load } from './load.ts';
import { AS_OF } from './measures.ts';
import { cpuOf } from './processes.ts';
import { median, note } from './rows.ts';

const OFF = { METRICS: 'false', REQUEST_LOG: 'false', OTEL_SDK_DISABLED: 'true', LOG_LEVEL: 'info' };
const METRICS = { ...OFF, METRICS: 'true' };
const LOGS = { ...METRICS, REQUEST_LOG: 'true' };
const traces = (endpoint: string, ratio: string) => ({
  ...LOGS,
  OTEL_SDK_DISABLED: 'false',
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_TRACES_SAMPLER_ARG: ratio,
});

interface Spent {
  /** Requests a second. */
  readonly rate: number;
  /** CPU of the platform's process, µs for each request. The rest of the machine does not count. */
  readonly cpu: number;
}
interface Variant {
  readonly name: string;
  readonly platform: PlatformProcess;
  readonly app: TestApp;
  readonly reads: Spent[];
  readonly events: Spent[];
}
/** Ratios to everything off, in the same round. */
export interface TelemetryFigure {
  readonly name: string;
  readonly reads: Compared;
  readonly intake: Compared;
  readonly memory: number;
}
interface Compared extends Spent {
  readonly rateRatio: number;
  readonly cpuRatio: number;
}

/**
 * Measures the cost of telemetry. Platforms that differ only in telemetry run side by side and are loaded in turn, so
 * that each round is a pair.
 */
export async function benchTelemetry(options: {
  members: number;
  seconds: number;
  rounds: number;
}): Promise<TelemetryFigure[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const sink = spawn(process.execPath, [join(import.meta.dirname, 'sink.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const variants: Variant[] = [];
  try {
    const endpoint = `http://127.0.0.1:${String((await once(sink.stdout, 'data'))[0]).trim()}`;
    const payer = syntheticPayer({ seed: 'bench', members: options.members, asOf: AS_OF });
    const provider = payer.providerOrganizations[0]!;
    const items = [...payer.events()].map(itemOf);
    for (const [name, env] of Object.entries({
      off: OFF,
      metrics: METRICS,
      'metrics, request log': LOGS,
      'the same, traces 1 %': traces(endpoint, '0.01'),
      'the same, traces 100 %': traces(endpoint, '1'),
    })) {
      const platform = await startPlatform({ dataDir: join(scratch, name.replaceAll(/\W/g, '-')), env });
      variants.push({
        name,
        platform,
        app: await registerApp(platform, { name: 'bench', npi: provider.npi, tin: provider.tin }),
        reads: [],
        events: [],
      });
    }
    note(`intake of ${items.length} events in ${options.rounds} parts, by each`);
    const part = Math.ceil(items.length / options.rounds);
    await rounds(options.rounds, variants, async ({ platform, events }, round) => {
      const before = cpuOf(platform.pid);
      const report = await publishItems(platform, items.slice(round * part, (round + 1) * part));
      events.push({
        rate: report.accepted / report.seconds,
        cpu: ((cpuOf(platform.pid) - before) / report.accepted) * 1e6,
      });
    });
    note('single reads');
    const visible = [...payer.ledger.visibleMembers(provider.npi)].map(({ member }) => `/fhir/Patient/${member}`);
    // One round to warm up; it does not count.
    await rounds(options.rounds + 1, variants, async ({ platform, app, reads }, round) => {
      const before = cpuOf(platform.pid);
      const result = await load({
        base: platform.base,
        targets: visible,
        token: await app.tokens.get(),
        connections: 32,
        seconds: options.seconds,
      });
      if (round > 0)
        reads.push({ rate: result.perSecond, cpu: ((cpuOf(platform.pid) - before) / result.requests) * 1e6 });
    });
    const [off] = variants;
    return variants.map(({ name, platform, reads, events }) => ({
      name,
      reads: compared(reads, off!.reads),
      intake: compared(events, off!.events),
      memory: platform.memory() / 1e6,
    }));
  } finally {
    for (const { platform } of variants) await platform.kill();
    sink.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function compared(of: readonly Spent[], to: readonly Spent[]): Compared {
  const ratio = (what: keyof Spent): number => median(of.map((each, i) => each[what] / to[i]![what]));
  return {
    rate: median(of.map((each) => each.rate)),
    cpu: median(of.map((each) => each.cpu)),
    rateRatio: ratio('rate'),
    cpuRatio: ratio('cpu'),
  };
}

/** Each round begins with another variant, so that none is always first or last. */
async function rounds(
  count: number,
  variants: readonly Variant[],
  measure: (variant: Variant, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    for (let i = 0; i < variants.length; i += 1) await measure(variants[(i + round) % variants.length]!, round);
  }
}

export function printTelemetry(figures: readonly TelemetryFigure[]): void {
  const row = (cells: readonly string[]): void =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(24) : cell.padStart(15))).join(''));
  row([
    'telemetry',
    'reads/s',
    'ratio',
    'CPU µs a read',
    'ratio',
    'events/s',
    'ratio',
    'CPU µs an event',
    'ratio',
    'MB',
  ]);
  for (const { name, reads, intake, memory } of figures)
    row([
      name,
      ...[reads, intake].flatMap((c) => [
        c.rate.toFixed(0),
        c.rateRatio.toFixed(2),
        c.cpu.toFixed(0),
        c.cpuRatio.toFixed(2),
      ]),
      memory.toFixed(0),
    ]);
}
