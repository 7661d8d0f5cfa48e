import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngines } from '@provider-access/testing';
import { startDeployment } from '../deployment.ts';
import { engineProcesses, watchCpu, type Watched } from './processes.ts';
import { note, type Row } from './rows.ts';

export interface IdleBench {
  readonly seconds: number;
  /** Folder of another build whose processes run. */
  readonly build?: string | undefined;
}

/** After so many ms the work of the start is done. */
const SETTLE_MS = 10_000;
/** ms of CPU a second: 0.05 of a core. */
const AIM = '50';

/** CPU of the five services, one process each, and of the engines without any request: in ms of CPU a second. */
export async function benchIdle({ seconds, build }: IdleBench): Promise<Row[]> {
  const engines = await startEngines({ progress: note });
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-idle-'));
  const { KAFKA_BROKERS, MONGODB_URI } = engines.env as { KAFKA_BROKERS: string; MONGODB_URI: string };
  const deployment = await startDeployment({
    dataDir: join(folder, 'data'),
    env: { KAFKA_BROKERS, MONGODB_URI, KAFKA_SESSION_TIMEOUT_MS: '10000' },
    ...(build !== undefined && { build }),
  });
  try {
    const services = deployment.processes().map(({ service, child }): Watched => ({ name: service, pid: child.pid! }));
    note('the services come to rest');
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    note(`${seconds} s without traffic`);
    const spent = watchCpu([...services, ...engineProcesses(engines.pids)]);
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const cores = Object.entries(spent()).map(
      ([name, cpu]) => [name, (cpu * 1000) / (performance.now() - began)] as const,
    );
    const five = cores
      .filter(([name]) => services.some((service) => service.name === name))
      .reduce((sum, [, value]) => sum + value, 0);
    const row = (what: string, value: number): Row => ({
      what: `${what}, idle`,
      value: value * 1000,
      unit: 'ms of CPU/s',
    });
    return [{ ...row('five services', five), aim: AIM }, ...cores.map(([name, value]) => row(name, value))];
  } finally {
    await deployment.kill();
    await engines.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
