import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeOf } from '@provider-access/cli';
import { folderOf } from './builds.ts';
import { median, note, type Row } from './rows.ts';

/** CPU seconds of all processes that this one has waited for, with those that they waited for. */
function cpuOfEnded(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/**
 * The whole demo of this build and of another one, each with all its processes and its own checks of what it
 * downloaded. One runs after the other, and each next round begins with the other build. (At the same time, the demo
 * that ends first shares the machine for its whole time, and the other one only until then.) Each has the Node that its
 * `npm ci` brought.
 * @param sameNode both have the Node of this process
 */
export async function benchDemo({
  against,
  members,
  rounds,
  sameNode,
}: {
  against: string;
  members: number;
  rounds: number;
  sameNode: boolean;
}): Promise<Row[]> {
  const builds = { ours: process.cwd(), theirs: await folderOf(against) };
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-demo-'));
  const demo = (build: string): Promise<number> => {
    const folder = join(scratch, 'demo');
    rmSync(folder, { recursive: true, force: true });
    const before = cpuOfEnded();
    const child = spawn(
      sameNode ? process.execPath : nodeOf(build),
      [join(build, 'tools/cli/dist/demo.js'), '--members', `${members}`, '--folder', folder],
      { cwd: build, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => {
        if (code === 0) resolve(cpuOfEnded() - before);
        else reject(new Error(`the demo of ${build} ended with ${code}`));
      });
    });
  };
  const pairs: { readonly ours: number; readonly theirs: number }[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const pair = { ours: 0, theirs: 0 };
      for (const side of round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const))
        pair[side] = await demo(builds[side]);
      pairs.push(pair);
      const { ours, theirs } = pair;
      note(`demo: ${ours.toFixed(1)} and ${theirs.toFixed(1)} s of CPU, ${(ours / theirs).toFixed(3)}`);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const ratios = pairs.map(({ ours, theirs }) => ours / theirs);
  const range = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2)).join('–');
  const theirs = median(pairs.map((pair) => pair.theirs));
  return [
    {
      what: `the demo, ${members} members`,
      value: median(pairs.map(({ ours }) => ours)),
      unit: 's of CPU',
      ratio: median(ratios),
      baseline: `the other build's ${theirs.toFixed(0)} s (${range} in ${rounds} rounds)`,
      aim: '0.5',
    },
  ];
}
