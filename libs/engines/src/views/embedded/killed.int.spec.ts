import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { items } from '../contract/fixture.ts';
import { openEmbeddedViews } from './index.ts';

/** Writes batches of ten documents with their checkpoint until it is killed, and prints the acknowledged ones. */
const writer = (file: string): string => `
  import { openEmbeddedViews } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  import { items } from ${JSON.stringify(new URL('../contract/fixture.ts', import.meta.url).href)};
  const { store } = openEmbeddedViews({ file: ${JSON.stringify(file)} });
  await store.ensure(items);
  for (let next = 0; ; next += 10) {
    const ops = Array.from({ length: 10 }, (_, i) => next + i).map((n) => ({
      id: 'd' + n, part: 'item', partition: 0, offset: n, value: { n, group: 'g', line: 'l'.repeat(1000) },
    }));
    await store.apply(items, 1, ops, { topic: 't.items', partition: 0, from: next, next: next + 10, progress: [] });
    process.stdout.write(next + 10 + '\\n');
    await new Promise((resolve) => setImmediate(resolve));
  }`;

it('killed while writing, the store keeps what it acknowledged, and its documents match its checkpoint', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'views-'));
  const file = join(folder, 'views.db');
  try {
    const child = spawn(
      process.execPath,
      ['--conditions=@provider-access/source', '--input-type=module', '-e', writer(file)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    let answered = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      answered = Number(line);
      if (answered === 3000) child.kill('SIGKILL');
    }
    await exited;
    const views = openEmbeddedViews({ file });
    const [checkpoint] = await views.store.checkpoints(items, 'live');
    expect(answered).toBeGreaterThanOrEqual(3000);
    expect(checkpoint!.next).toBeGreaterThanOrEqual(answered);
    expect(await views.store.count(items)).toBe(checkpoint!.next);
    expect(await views.reader(items).get(`d${checkpoint!.next - 1}`, { bodies: ['item.line'] })).toBeDefined();
    await views.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
