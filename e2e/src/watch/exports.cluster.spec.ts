import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { paOf } from '../pa.ts';
import { findGroup, kickOff } from '../road.ts';
import { faultsOf, TRIAL_MS, tryIt } from './tried.ts';

const ROOT = process.getuid?.() === 0;
const CGROUP = '/sys/fs/cgroup/memory';

/** Alerts of exports, memory and the probe, each tried by causing what it is for: see engines.cluster.spec.ts. */
faultsOf('exports, memory and the probe', (world) => {

  const one = (service: string) => world().platform.processes().find((p) => p.service === service)!;
  const exported = async (): Promise<string> => {
    const token = await world().app.tokens.get();
    return kickOff(world().platform, token, (await findGroup(world().platform, token, world().npi)).id);
  };

  test('the probe fails and does not succeed any more: ProbeFailing', async () => {
    const pa = paOf(world().platform, world().folder);
    const walk = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await pa('probe', '--temporary', '--report', ...args);
      console.info(`pa probe ended with ${code}:\n${stderr.split('\n').slice(-4).join('\n')}`);
    };
    await walk();
    await tryIt(world(), { alerts: ['ProbeFailing'], stretch: 40, fault: () => walk('--export-timeout', '0.01'), cure: walk });
  }, TRIAL_MS);

  test.skipIf(!ROOT)('the file storage is full (needs root for a small tmpfs): StorageFull', async () => {
    const mounted = (...args: string[]): void => {
      const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`mount: ${stderr}`);
    };
    await tryIt(world(), {
      alerts: ['StorageFull'], stretch: 10,
      fault: async () => {
        mounted('-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', world().files);
        await exported();
      },
      cure: async () => mounted('-o', 'remount,size=64m', world().files),
    });
  }, TRIAL_MS);

  test.skipIf(!ROOT || !existsSync(`${CGROUP}/cgroup.procs`))('a process may have little more memory than it has (needs root and control groups v1): MemoryNearLimit', async () => {
    const group = join(CGROUP, `provider-access-${process.pid}`);
    const { pid } = one('consent').child;
    const resident = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
    mkdirSync(group);
    try {
      await tryIt(world(), {
        alerts: ['MemoryNearLimit'], stretch: 40,
        fault: async () => {
          writeFileSync(join(group, 'memory.limit_in_bytes'), String(Math.round(resident() * 1.06)));
          writeFileSync(join(group, 'cgroup.procs'), String(pid));
        },
        cure: async () => writeFileSync(join(group, 'memory.limit_in_bytes'), String(4 * resident())),
      });
    } finally {
      writeFileSync(join(CGROUP, 'cgroup.procs'), String(pid));
      rmdirSync(group);
    }
  }, TRIAL_MS);

  test('the volume of export is gone: ExportsStuck, then ExportsFail', async () => {
    if (ROOT) spawnSync('umount', ['-l', world().files]);
    const away = `${world().files}-away`;
    // Twelve attempts take six minutes.
    await tryIt(world(), {
      alerts: ['ExportsStuck'], stretch: 20, silentStretch: 1,
      fault: async () => {
        renameSync(world().files, away);
        writeFileSync(world().files, '');
        await exported();
      },
      cure: async () => undefined,
    });
    await tryIt(world(), {
      alerts: ['ExportsFail'], stretch: 10, silentStretch: 60, fault: async () => undefined,
      cure: async () => {
        rmSync(world().files);
        renameSync(away, world().files);
      },
    });
  }, 900_000);
});
