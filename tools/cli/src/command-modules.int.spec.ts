import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Prints how many files of JavaScript a process has read, on standard error when the process ends. */
const COUNTER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  let files = 0;
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:')) files += 1;
      return next(url, context);
    },
  });
  process.on('exit', () => process.stderr.write('files: ' + files));
`)}`;
const MAIN = join(import.meta.dirname, 'main.ts');

/** All commands together are 550 files, which take half a second of CPU. */
test.each([
  ['freshness', 30],
  ['dead-letters', 210],
  ['notices', 65],
  ['explain', 36],
  ['import', 260],
  ['opt-out', 256],
  ['export', 242],
])('`pa %s` reads at most %i files', async (command, most) => {
  const args = ['--conditions=@provider-access/source', '--import', COUNTER, MAIN, command, '--help'];
  const { stderr } = await promisify(execFile)(process.execPath, args);
  const files = Number(/files: (\d+)/.exec(stderr)![1]);
  expect(files).toBeGreaterThan(20);
  expect(files).toBeLessThanOrEqual(most);
});
