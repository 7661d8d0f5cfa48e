import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, test } from 'vitest';
import { paOf } from '../pa.ts';
import { findGroup, kickOff } from '../road.ts';
import { trial, TRIAL_MS, tryIt } from './tried.ts';
import type { World } from './world.ts';

const ROOT = process.getuid?.() === 0;
const CGROUP = '/sys/fs/cgroup/memory';
/** Twelve attempts take about six minutes. */
const GIVEN_UP_SECONDS = 600;

/** @param meanwhile other trials, which continue while an export is given up */
export function exportFaults(world: () => World, meanwhile: () => void): void {
  const mount = (...args: string[]): void => {
    const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mount: ${stderr}`);
  };
  const volume = (): string => dirname(world().files);
  /** Kicks off an export. A busy machine answers 503 at first. @returns the job's id */
  const exported = (): Promise<string> =>
    eventually(
      async () => {
        const token = await world().app.tokens.get();
        return basename(
          await kickOff(world().platform, token, (await findGroup(world().platform, token, world().npi)).id),
        );
      },
      { what: 'an export is kicked off', timeout: 240_000 },
    );
  /**
   * An export that cannot write its files while others can, because a file is where its folder should be. @returns that
   * file
   */
  const hopeless = async (): Promise<string> => {
    const { files } = world();
    const away = `${files}-away`;
    // Files are missing during the kick-off, because the export would be complete before its id is known.
    renameSync(files, away);
    writeFileSync(files, '');
    const job = await exported();
    mkdirSync(join(away, 'jobs'), { recursive: true });
    writeFileSync(join(away, 'jobs', job), '');
    rmSync(files);
    renameSync(away, files);
    return join(files, 'jobs', job);
  };

  let given: Promise<void> | undefined;
  beforeAll(() => {
    if (ROOT) {
      mount('-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', volume());
      mkdirSync(world().files);
    }
    let file: string;
    given = tryIt(world(), {
      source: 'a file lay where the folder of an export should be, so that its chunks could not be written',
      alerts: { ExportsStuck: 20, ExportsFail: 20 },
      patienceSeconds: GIVEN_UP_SECONDS,
      silentStretch: 60,
      fault: async () => (file = await hopeless()),
      cure: async () => rmSync(file),
    });
    given.catch(() => undefined);
  });
  afterAll(() => void (ROOT && spawnSync('umount', ['-l', volume()])));

  test.skipIf(!ROOT || !existsSync(`${CGROUP}/cgroup.procs`))(
    'a process may have little more memory than it has (needs root and control groups v1): MemoryNearLimit',
    async () => {
      const group = join(CGROUP, `provider-access-${process.pid}`);
      const { pid } = world()
        .platform.processes()
        .find(({ service }) => service === 'consent')!.child;
      const resident = (): number =>
        Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
      mkdirSync(group);
      try {
        await tryIt(world(), {
          source: 'a process was moved to a control group (version 1) whose limit is 2 % above its resident memory',
          alerts: { MemoryNearLimit: 120 },
          fault: async () => {
            // Its memory still counts for its former group, so the kernel does not end it.
            writeFileSync(join(group, 'memory.limit_in_bytes'), String(Math.round(resident() * 1.02)));
            writeFileSync(join(group, 'cgroup.procs'), String(pid));
          },
          cure: async () => writeFileSync(join(group, 'memory.limit_in_bytes'), String(4 * resident())),
        });
      } finally {
        writeFileSync(join(CGROUP, 'cgroup.procs'), String(pid));
        rmdirSync(group);
      }
    },
    TRIAL_MS,
  );

  trial('the probe fails and does not succeed any more: ProbeFailing', world, async () => {
    const pa = paOf(world().platform, world().folder);
    const walk = async (...args: string[]): Promise<boolean> => {
      const { code, stderr } = await pa('probe', '--temporary', '--report', '--timeout', '300', ...args);
      console.info(`pa probe ended with ${code}:\n${stderr.split('\n').slice(-4).join('\n')}`);
      return code === 0;
    };
    // On a busy machine the facts may be too old for it, and it takes a while. Its success has the time of its start.
    const succeeds = (): Promise<unknown> => eventually(() => walk(), { what: 'pa probe succeeds', timeout: 600_000 });
    await succeeds();
    return {
      source: 'pa probe failed because its time for the export was too short, after it had succeeded',
      alerts: { ProbeFailing: 30 },
      fault: () => walk('--export-timeout', '0.01'),
      cure: succeeds,
    };
  });

  test.skipIf(!ROOT)(
    'the file storage is full (needs root for a small tmpfs): StorageFull',
    async () => {
      await tryIt(world(), {
        source:
          'the file system of the exported files was shrunk below what is kept free, and an export was kicked off',
        alerts: { StorageFull: 30 },
        fault: async () => {
          // Fewer bytes than are reserved.
          mount('-o', 'remount,size=8m', volume());
          await exported();
        },
        cure: async () => mount('-o', 'remount,size=256m', volume()),
      });
    },
    TRIAL_MS,
  );

  meanwhile();

  test(
    'an export cannot be written: ExportsStuck, and given up: ExportsFail',
    () => given,
    (GIVEN_UP_SECONDS + 300) * 1000,
  );
}
