import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const CHILD = fileURLToPath(new URL('./wait-for-parent.ts', import.meta.url));
let npm: ChildProcess | undefined;
let pid: number | undefined;
afterEach(() => {
  npm?.kill('SIGKILL');
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
});

/** The command of `npm start`, with a small script instead of the platform and without the build. */
function command(): string {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toMatch(/^echo building && npm run --silent build && .* services\/standalone\/dist\/main\.js$/);
  return scripts.start
    .replace('echo building && npm run --silent build', 'true')
    .replace(' node ', ` ${process.execPath} --conditions=@provider-access/source --no-warnings `)
    .replace('services/standalone/dist/main.js', CHILD);
}

test('the process of `npm start` ends when its npm is killed', async () => {
  // npm starts the command of a script in a shell, and hands its own output on.
  const script = `require('child_process').spawn('sh', ['-c', process.argv[1]], { stdio: 'inherit' })`;
  npm = spawn(process.execPath, ['-e', script, command()], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: npm.stdout! })[Symbol.asyncIterator]();
  pid = Number((await lines.next()).value);
  expect(pid).toBeGreaterThan(0);
  npm.kill('SIGKILL');
  expect((await lines.next()).value).toBe('ended');
  // Its output closes when it has ended.
  expect((await lines.next()).done).toBe(true);
});
