import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { sharedItems } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import { openEmbeddedViews } from './index.ts';

/** Writes batches of ten documents with their checkpoint until it is killed, and prints the acknowledged ones. */
const writer = (file: string): string => `
  import { openEmbeddedViews } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
  import { sharedItems } from ${JSON.stringify(new URL('../contract/fixture.ts', import.meta.url).href)};
  const { store } = openEmbeddedViews({ file: ${JSON.stringify(file)} });
  await store.ensure(sharedItems);
  for (let next = 0; ; next += 10) {
    const ops = Array.from({ length: 10 }, (_, i) => next + i).map((n) => ({
      id: 'd' + n, part: 'item', partition: 0, offset: n, 
      value: { n, group: 'g', tags: ['t' + n % 7, 'own ' + n], line: 'l'.repeat(1000) },
    }));
    const at = { topic: 't.items', partition: 0, from: next, next: next + 10, progress: [] };
    await store.apply(sharedItems, 1, ops, at);
    process.stdout.write(next + 10 + '\\n');
    await new Promise((resolve) => setImmediate(resolve));
  }`;

const put = ({ store }: Views, n: number): Promise<unknown> =>
  store.apply(sharedItems, 1, [
    { id: `d${n}`, part: 'item', partition: 0, offset: n, value: { n, group: 'g', tags: ['t0'], line: 'l' } },
  ]);

/** How many texts and uses of texts the file has. */
function textsIn(file: string): readonly unknown[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const counts = ['texts', 'uses'].map((table) => {
    const sql = `SELECT count(*) AS count FROM "test_shared-items_v1_r1__by_tag_${table}"`;
    return db.prepare(sql).get()!['count'];
  });
  db.close();
  return counts;
}

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
    const [checkpoint] = await views.store.checkpoints(sharedItems, 'live');
    expect(answered).toBeGreaterThanOrEqual(3000);
    expect(checkpoint!.next).toBeGreaterThanOrEqual(answered);
    expect(await views.store.count(sharedItems)).toBe(checkpoint!.next);
    const { next } = checkpoint!;
    const having = (text: string): Promise<readonly string[]> =>
      views.reader(sharedItems).ids({ index: 'by_tag', equals: ['g'], all: [[text]], limit: 100_000 });
    const numbers = Array.from({ length: next }, (_, n) => n);
    for (let t = 0; t < 7; t++)
      expect(await having(`t${t}`)).toEqual(numbers.flatMap((n) => (n % 7 === t ? `d${n}` : [])).toSorted());
    expect([await having(`own ${next - 1}`), await having(`own ${next}`)]).toEqual([[`d${next - 1}`], []]);
    // The next writer goes on with the texts in the file.
    await views.store.ensure(sharedItems);
    await views.store.remove(
      sharedItems,
      numbers.map((n) => `d${n}`),
    );
    expect(textsIn(file)).toEqual([0, 0]);
    await put(views, next);
    expect(await views.reader(sharedItems).get(`d${next}`, { bodies: ['item.line'] })).toBeDefined();
    await views.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
