import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Keeps a view up to date while its disk is full for a while. Prints the result of each step. */
const script = (file: string): string => `
  import { execFileSync } from 'node:child_process';
  import { openMemoryLog } from '@provider-access/engines/log/memory';
  import { openEmbeddedViews } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  import { ProjectionSet } from ${JSON.stringify(new URL('../projection-set.ts', import.meta.url).href)};
  import { items } from ${JSON.stringify(new URL('../contract/fixture.ts', import.meta.url).href)};
  const limitFiles = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':']);
  const log = openMemoryLog({ partitions: 1 });
  const views = openEmbeddedViews({ file: ${JSON.stringify(file)} });
  const set = new ProjectionSet({ log, views, projections: [items] });
  await set.start();
  const headers = { ce_type: 'added' };
  const record = (n) => ({ key: 'd' + n, partitionKey: 'k', headers, value: JSON.stringify({ n, group: 'g' }) });
  const add = (n) => log.append('t.items', [record(n)]);
  const until = async (holds) => {
    while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
  };
  const { store } = views;
  await add(1);
  await until(async () => (await store.count(items)) === 1);
  const before = set.failure() ?? null;
  limitFiles(0);
  await add(2);
  await until(() => set.failure() !== undefined);
  const full = set.failure();
  const shown = await store.count(items);
  limitFiles('unlimited');
  await until(() => set.failure() === undefined);
  process.stdout.write(JSON.stringify({ before, full, shown, after: await store.count(items) }));
  await set.stop();
  await views.close();
  await log.close();`;

it('reports why it does not advance while the disk is full, and continues by itself with free space', () => {
  const folder = mkdtempSync(join(tmpdir(), 'views-full-'));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      '--conditions=@provider-access/source',
      '--no-warnings',
      '--input-type=module',
      '-e',
      script(join(folder, 'views.db')),
    ],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    before: null,
    full: expect.stringMatching(/^t\.items\/0: /) as string,
    shown: 1,
    after: 2,
  });
});
