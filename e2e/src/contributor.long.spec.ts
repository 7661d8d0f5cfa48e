import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually, freePort } from '@provider-access/testing';
import { changed, changesOf, NETWORK, ROOT } from './tutorials.ts';

/** docs/tutorials/contributor.md, step by step, in a fresh clone of the last commit with an empty home. */

const PAGE = 'docs/tutorials/contributor.md';
/** `.ci/run` runs it, in a fresh clone too. */
const ELSEWHERE = 'npm test';
const START = 'npx node --inspect services/standalone/dist/main.js';

const folder = mkdtempSync(join(tmpdir(), 'provider-access-contributor-'));
const [home, clone] = ['home', 'clone'].map((name) => join(folder, name)) as [string, string];
mkdirSync(home);
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const env = {
  ...NETWORK,
  HOME: home,
  // The machine's own Node comes first: the page says that it is enough.
  PATH: `/usr/local/bin:/usr/bin:/bin:${dirname(process.execPath)}`,
  LANG: 'C.UTF-8',
  CI: 'true',
  NX_DAEMON: 'false',
};
interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  /** With standard error. */
  readonly output: string;
}
const running = new Map<number, Promise<Ran>>();

/** Starts a script in a group of its own. @returns its process id; `running` has its end */
function start(script: string, cwd: string, more: Readonly<Record<string, string>> = {}): number {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd, env: { ...env, ...more }, detached: true });
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, output }));
  });
  running.set(child.pid!, ended);
  void ended.finally(() => running.delete(child.pid!)).catch(() => undefined);
  return child.pid!;
}
const run = (script: string, cwd = clone, more = {}): Promise<Ran> => running.get(start(script, cwd, more))!;
/** Runs a command of the page. @returns its output. @throws if it fails */
async function done(script: string, cwd?: string, more?: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, output } = await run(script, cwd, more);
  expect(code, `${script}\n${output.slice(-4000)}`).toBe(0);
  return stdout;
}
/** Ends a process of the page as Ctrl+C does. */
async function interrupt(pid: number): Promise<void> {
  const ended = running.get(pid);
  if (ended === undefined) return;
  process.kill(-pid, 'SIGINT');
  await ended;
}
afterAll(async () => {
  await Promise.all([...running.keys()].map(interrupt));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
});

/** The page's blocks with commands and changes, in their order. */
const blocksOf = (markdown: string): readonly { readonly kind: string; readonly text: string }[] =>
  [...markdown.matchAll(/^```(shell|sh|diff)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
    kind: kind!,
    text: text!.trim(),
  }));

test('a contributor gets from a clone with an empty home to a first change, as the tutorial says', async () => {
  await done(`git clone -q --no-local '${ROOT}' '${clone}'`, folder);
  const page = readFileSync(join(clone, PAGE), 'utf8');
  const changes = changesOf(page);
  const blocks = blocksOf(page);
  let applied = 0;
  let platform: number | undefined;
  let answer = '';
  for (const [at, { kind, text }] of blocks.entries()) {
    if (kind === 'diff') {
      const { file, lines } = changes[applied]!;
      writeFileSync(join(clone, file), changed(readFileSync(join(clone, file), 'utf8'), lines));
      applied += 1;
      continue;
    }
    // A test that was changed before the code fails.
    if (applied > 0 && applied < changes.length && blocks[at - 1]!.kind === 'diff') {
      const { code, output } = await run(text);
      expect(code, output).not.toBe(0);
      expect(output).toContain('1 failed');
      expect(output).toContain('c1 may see m1');
      continue;
    }
    for (const command of text.split('\n')) {
      if (command === ELSEWHERE) continue;
      if (command !== START) {
        answer = await done(command, clone, { PA_SERVER: base });
        continue;
      }
      if (platform !== undefined) await interrupt(platform);
      // The inspector's port may be taken on a machine with other work.
      platform = start(command.replace('--inspect', '--inspect=127.0.0.1:0'), clone, { PORT: String(port) });
      await eventually(async () => {
        expect(running.has(platform!), 'the platform runs').toBe(true);
        expect((await fetch(`${base}/health/ready`)).status).toBe(200);
      });
    }
  }
  expect(applied).toBe(changes.length);
  expect(JSON.parse(answer)).toMatchObject({ sentence: 'clinic may not see m-1', memberFacts: { optOuts: [{}] } });
}, 3_600_000);
