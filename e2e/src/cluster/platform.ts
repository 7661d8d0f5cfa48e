import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryOf, type PlatformProcess } from '@provider-access/cli';
import { openCluster, type Cluster } from '@provider-access/cluster';
import { prepareRelease, nameFor, type Release } from './release.ts';

export interface ClusterPlatform extends PlatformProcess {
  readonly release: Release;
}

let opened: Promise<Cluster> | undefined;
const LINES_MS = 500;
/** Scenarios poll a status every 25 ms, and an export takes longer here than on an otherwise idle machine. */
const PATIENT = { EXPORT_POLLS_PER_MINUTE: '1000000' };

/**
 * The chart, installed for a scenario, in the form of the standalone's process: nginx serves it by its Ingress objects,
 * public and internal routes under one host.
 */
export async function startClusterPlatform(options: {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}): Promise<ClusterPlatform> {
  const cluster = await (opened ??= openCluster());
  const { LOG_LEVEL: logLevel, ...config } = options.env ?? {};
  const release = await prepareRelease({
    cluster,
    name: nameFor(options.dataDir),
    oneHost: true,
    values: { config: { ...PATIENT, ...config }, ...(logLevel !== undefined && { logLevel }) },
  });
  // The place where `pa` looks for them.
  mkdirSync(options.dataDir, { recursive: true });
  for (const role of ['payer', 'administrator'] as const)
    writeFileSync(join(options.dataDir, `${role}.token`), release[`${role}Token`], { mode: 0o600 });
  const end = async (): Promise<void> => {
    clearInterval(lines);
    await release.destroy();
  };
  const seen = new Map<string, number>();
  const read = (): void => {
    for (const [name, text] of cluster.logs(release.namespace)) {
      const from = seen.get(name) ?? 0;
      const whole = text.slice(from, text.lastIndexOf('\n') + 1);
      seen.set(name, from + whole.length);
      for (const line of whole.split('\n')) if (line !== '') options.onLine?.(line);
    }
  };
  const lines = options.onLine === undefined ? undefined : setInterval(read, LINES_MS);
  lines?.unref();
  try {
    await release.install();
  } catch (error) {
    await end();
    throw error;
  }
  const pods = await release.pods();
  const processes = (): number[] => pods.flatMap(({ metadata }) => cluster.processes(metadata!.uid!));
  return {
    release,
    base: release.base,
    dataDir: options.dataDir,
    payerToken: release.payerToken,
    administratorToken: release.administratorToken,
    pid: processes()[0] ?? -1,
    // The largest: each has its own limit.
    memory: () => Math.max(0, ...processes().map(memoryOf)),
    ended: new Promise(() => undefined),
    stop: end,
    kill: end,
  };
}
