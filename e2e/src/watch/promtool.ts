import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianProgram, noDebianPackages } from '@provider-access/testing';
import { generatedFiles, GROUPS } from '@provider-access/watch';

export interface Output {
  readonly code: number;
  readonly output: string;
}

/**
 * Why promtool cannot run on this machine; undefined when it can. CI skips nothing for this reason: there, its tests
 * fail.
 */
export const noPromtool = process.env['CI'] === 'true' ? undefined : noDebianPackages();

let program: Promise<string> | undefined;
/** Path of promtool from Debian's package `prometheus`. The first call on a machine fetches it. */
export const promtoolProgram = (progress: (line: string) => void = (line) => console.info(line)): Promise<string> =>
  (program ??= debianProgram('prometheus', 'usr/bin/promtool', progress));

/** Runs promtool. Its output is for people, its exit code is the result. */
export const promtool = (args: readonly string[], cwd?: string): Promise<Output> => promtoolWith('', args, cwd);

/** The same with `input` on its standard input. */
export async function promtoolWith(input: string, args: readonly string[], cwd?: string): Promise<Output> {
  const path = await promtoolProgram();
  return new Promise((resolve) => {
    const child = execFile(path, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
        output: `${stdout}${stderr}`,
      });
    });
    child.stdin?.end(input);
  });
}

/**
 * Writes the rule files of the chart into `folder`: all, or those that have one of these alerts. @returns their names
 * there
 */
export function ruleFilesIn(folder: string, alerts?: readonly string[]): string[] {
  const wanted = GROUPS.filter(
    (group) => alerts === undefined || group.alerts.some(({ name }) => alerts.includes(name)),
  ).map(({ name }) => `/alerts/${name}.yaml`);
  const rules = [...generatedFiles()].filter(([file]) => wanted.some((end) => file.endsWith(end)));
  for (const [file, text] of rules) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return rules.map(([file]) => file);
}
