import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bulkExport, itemOf, Server, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { startEngines } from '@provider-access/testing';
import { startDeployment } from '../deployment.ts';
import type { ServiceName } from '../gateway.ts';
import { largest } from '../payers.ts';
import { publishItems, viewsCaughtUp } from '../road.ts';
import { openProbes } from './lag.ts';
import { load } from './load.ts';
import { AS_OF, appOf, optOutTimes, sample, targetsOf } from './measures.ts';
import { engineProcesses, watchCpu, watchMemory, type Memory, type Watched } from './processes.ts';
import { measureRaw, type Raw } from './raw.ts';
import { note, quantile } from './rows.ts';
import { PARTITIONS, TWO_OF_ALL, type Result } from './table.ts';

export { printEngines } from './table.ts';

export interface EnginesBench {
  readonly members: number;
  readonly seconds: number;
  readonly partitions: readonly number[];
  readonly small: boolean;
}
interface Running {
  readonly platform: PlatformProcess;
  readonly processes: readonly Watched[];
  readonly bases: readonly string[];
}
interface Variation {
  readonly name: string;
  readonly partitions?: number;
  readonly instances?: Partial<Record<ServiceName, number>>;
  readonly intakeOnly?: boolean;
}

const SEED = 'bench';
/** Polls as soon as each answer arrives, without a limit that the figures would show. */
const ENV = { EXPORT_POLLS_PER_MINUTE: '100000' };

/**
 * The standalone, then separate processes with one instance and with two, then other numbers of partitions. The raw
 * work runs directly before each.
 */
export async function benchEngines(options: EnginesBench): Promise<Result[]> {
  const engines = await startEngines({ progress: note });
  const servers = engineProcesses(engines.pids);
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const payer = syntheticPayer({ seed: SEED, members: options.members, asOf: AS_OF });
  const variations: Variation[] = [
    { name: 'embedded' },
    { name: 'one instance', partitions: PARTITIONS, instances: { resources: 1, export: 1 } },
    { name: 'two', partitions: PARTITIONS, instances: { resources: 2, export: 2 } },
    ...(options.small
      ? []
      : [
          {
            name: TWO_OF_ALL,
            partitions: PARTITIONS,
            instances: { attribution: 2, consent: 2, resources: 2, export: 2 },
            intakeOnly: true,
          },
        ]),
    ...options.partitions.map((partitions) => ({
      name: `one, ${partitions} part.`,
      partitions,
      instances: { resources: 1, export: 1 },
      intakeOnly: true,
    })),
  ];
  const results: Result[] = [];
  try {
    for (const [i, variation] of variations.entries()) {
      note(`${variation.name}: raw work of the engines`);
      const raw = await measureRaw(engines.env, options.small);
      note(`${variation.name}: start`);
      const folder = join(scratch, String(i));
      const running = await start(variation, folder, engines.env, servers);
      try {
        results.push(await measure(variation, running, { payer, folder, raw, options }));
      } finally {
        await running.platform.stop();
      }
    }
    return results;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    await engines.stop();
  }
}

async function start(
  { partitions, instances }: Variation,
  folder: string,
  engines: Readonly<Record<string, string>>,
  servers: readonly Watched[],
): Promise<Running> {
  if (instances === undefined) {
    const platform = await startPlatform({ dataDir: join(folder, 'data'), env: ENV });
    return { platform, processes: [{ name: 'standalone', pid: platform.pid }], bases: [platform.base] };
  }
  const { KAFKA_BROKERS, MONGODB_URI } = engines;
  const env = {
    ...ENV,
    KAFKA_BROKERS: KAFKA_BROKERS!,
    MONGODB_URI: MONGODB_URI!,
    KAFKA_PARTITIONS: String(partitions),
  };
  const deployment = await startDeployment({ dataDir: join(folder, 'data'), env, instances });
  const services = deployment.processes().map(({ service, child }) => ({ name: service as string, pid: child.pid! }));
  return {
    platform: deployment,
    processes: [...services, ...servers],
    bases: deployment
      .processes()
      .filter(({ service }) => service === 'resources')
      .map(({ base }) => base),
  };
}

interface Setting {
  readonly payer: SyntheticPayer;
  readonly folder: string;
  readonly raw: Raw;
  readonly options: EnginesBench;
}

async function measure(
  variation: Variation,
  { platform, processes, bases }: Running,
  { payer, folder, raw, options }: Setting,
): Promise<Result> {
  const { seconds, small } = options;
  const ours = processes.filter(({ name }) => name !== 'Kafka' && name !== 'MongoDB-compatible');
  const memory = watchMemory(ours);
  const engineMemory = watchMemory(processes.filter((p) => !ours.includes(p)));
  const done = (figures: object): Result => {
    const all: Memory = memory();
    return {
      name: variation.name,
      instances: variation.instances === undefined ? 'one process' : `${ours.length} processes`,
      ...(variation.partitions !== undefined && { partitions: variation.partitions }),
      raw,
      memory: all,
      engineMemory: engineMemory().each,
      ...figures,
    } as Result;
  };
  note(`${variation.name}: six members, to warm up`);
  const probes = await openProbes(platform, SEED, options.members);

  const items = [...payer.events()].map(itemOf);
  note(`${variation.name}: intake of ${items.length} events`);
  const cpu = watchCpu(processes);
  const started = performance.now();
  let acknowledged = started;
  const working = (async () => {
    let accepted = 0;
    const report = await publishItems(platform, items, (now) => {
      if (now.accepted > accepted) acknowledged = performance.now();
      ({ accepted } = now);
    });
    await viewsCaughtUp(platform);
    return { events: report.accepted, visible: performance.now() };
  })();
  const [{ events, visible }, atLoad] = await Promise.all([working, probes.underLoad(small ? 250 : 500, working)]);
  const intakeSeconds = (visible - started) / 1000;
  const intake = {
    intake: events / intakeSeconds,
    acknowledged: events / ((acknowledged - started) / 1000),
    lagAtLoad: percentiles(atLoad),
    unavailable: probes.unavailable(),
    cpu: Object.fromEntries(Object.entries(cpu()).map(([name, spent]) => [name, (spent / events) * 1000])),
    busy: intakeSeconds,
  };
  note(`${variation.name}: events at a gentle rate`);
  const gentle = { lagGentle: percentiles(await probes.gentle(100, small ? 3 : 10)) };
  if (variation.intakeOnly === true) return done({ ...intake, ...gentle });

  note(`${variation.name}: export, reads, opt-outs`);
  const { app, group } = await appOf(platform, largest(payer));
  const server = new Server(platform.base);
  const exporting = performance.now();
  const result = await bulkExport({
    server,
    token: () => app.tokens.get(),
    group,
    out: join(folder, 'files'),
    pollMs: 50,
  });
  const exportSeconds = (performance.now() - exporting) / 1000;
  const { resources, lines } = await sample(result.files.filter((f) => f.kind === 'output'));
  const reads = await load({
    base: bases,
    targets: targetsOf(lines),
    token: await app.tokens.get(),
    connections: 16,
    seconds,
  });
  const optOuts = percentiles(await optOutTimes(platform, small ? 20 : 100));
  return done({
    ...intake,
    ...gentle,
    export: resources / exportSeconds,
    exported: resources,
    exportSeconds,
    reads: reads.perSecond,
    readsP99: reads.p99,
    optOuts,
  });
}

const percentiles = (times: readonly number[]): { p50: number; p99: number; of: number } => ({
  p50: quantile(times, 0.5),
  p99: quantile(times, 0.99),
  of: times.length,
});
