import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { PlatformProcess } from '@provider-access/cli';
import { COMPILED_FILE } from './compiled.ts';

const ROOT = join(import.meta.dirname, '../..');
/** `pa` of this clone. Only it has the program of administration. */
export const CLONED_PA = join(ROOT, 'tools/cli/bin/pa.mjs');
/** `pa` as people without a clone get it: one file. It starts in a third of the CPU time of the clone's. */
export const PACKED_PA = join(ROOT, 'node_modules/.cache/provider-access-pa/pa.cjs');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
export type Pa = ((...args: string[]) => Promise<Ran>) & {
  /** With a text on standard input, or other variables. */
  with(
    options: {
      stdin?: string | Uint8Array;
      env?: Record<string, string | undefined>;
      killOn?: (stderr: string) => boolean;
    },
    ...args: string[]
  ): Promise<Ran>;
};

/** Runs `pa` as a process of its own, like a person who starts it in `cwd` for a platform. */
export function paOf(platform: Pick<PlatformProcess, 'base' | 'dataDir'>, cwd: string, program = PACKED_PA): Pa {
  const run: Pa['with'] = ({ stdin, env, killOn }, ...args) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program, ...args], {
        cwd,
        env: { ...process.env, ...COMPILED_FILE, PA_SERVER: platform.base, DATA_DIR: platform.dataDir, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
        if (killOn?.(stderr) === true) child.kill('SIGKILL');
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
  return Object.assign((...args: string[]) => run({}, ...args), { with: run });
}

/** Runs it like a script: standard output is one JSON value. */
export async function jsonOf<T>(pa: Pa, ...args: string[]): Promise<T> {
  const { stdout } = await pa('--json', ...args);
  if (stdout.trim().split('\n').length !== 1) throw new Error(`standard output is not one line: ${stdout}`);
  return JSON.parse(stdout) as T;
}
