import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeOf } from '@provider-access/cli';
import { folderOf } from './builds.ts';
import { note, type Row } from './rows.ts';

/** CPU seconds of all processes that this one has waited for, with those that they waited for. */
function cpuOfEnded(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/**
 * The demo of this build and of another one at the same time, each with all its processes and its own checks of what it
 * downloaded. Each has the Node that its `npm ci` brought.
 * @param sameNode both have the Node of this process
 */
export async function benchDemo({
  against,
  members,
  sameNode,
}: {
  against: string;
  members: number;
  sameNode: boolean;
}): Promise<Row[]> {
  const other = await folderOf(against);
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-demo-'));
  let counted = cpuOfEnded();
  const demo = (build: string, name: string): Promise<number> => {
    const folder = join(scratch, name);
    const child = spawn(
      sameNode ? process.execPath : nodeOf(build),
      [join(build, 'tools/cli/dist/demo.js'), '--members', `${members}`, '--folder', folder],
      { cwd: build, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => {
        const all = cpuOfEnded();
        const cpu = all - counted;
        counted = all;
        note(`the demo of ${name} ended after ${cpu.toFixed(1)} s of CPU`);
        if (code === 0) resolve(cpu);
        else reject(new Error(`the demo of ${name} ended with ${code}`));
      });
    });
  };
  try {
    const [ours, theirs] = await Promise.all([demo(process.cwd(), 'this build'), demo(other, 'the other build')]);
    const what = `the demo, ${members} members`;
    const baseline = `the other build's ${theirs.toFixed(0)} s`;
    return [{ what, value: ours, unit: 's of CPU', ratio: ours / theirs, baseline, aim: '0.5' }];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
