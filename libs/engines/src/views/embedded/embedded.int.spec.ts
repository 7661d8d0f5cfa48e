import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { viewsContract } from '../contract/index.ts';
import { items } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import type { FindQuery } from '../projection.ts';
import { planIds, planQuery } from '../query.ts';
import { openEmbeddedViews } from './index.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

async function open(): Promise<{ views: Views; reopen: () => Promise<Views>; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'views-'));
  let views = openEmbeddedViews({ file: join(folder, 'views.db') });
  return {
    views,
    reopen: async () => {
      await views.close();
      return (views = openEmbeddedViews({ file: join(folder, 'views.db') }));
    },
    close: async () => {
      await views.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

viewsContract('embedded', open);

describe('embedded: readers of other threads', () => {
  let harness: Awaited<ReturnType<typeof open>>;
  afterEach(() => harness.close());

  it('read the same file through the module that `remote` names, wait for it, and follow a swap', async () => {
    harness = await open();
    const { store, remote } = harness.views;
    await store.ensure(items);
    const module = (await import(remote.module)) as { openReader(options: unknown): Views };
    const there = module.openReader(structuredClone(remote.options));
    try {
      const reader = there.reader(items);
      expect(await reader.get('a')).toBeUndefined();
      const waiting = reader.waitFor({ 't.items': [1] }, 60_000);
      await store.apply(
        items,
        1,
        [{ id: 'a', part: 'item', partition: 0, offset: 0, value: { n: 1, group: 'g', line: 'l' } }],
        { topic: 't.items', partition: 0, from: 0, next: 1, progress: [] },
      );
      expect(await waiting).toBe(true);
      expect(await reader.get('a', { bodies: ['item.line'] })).toMatchObject({ item: { n: 1 } });
      const build = await store.startBuild(items);
      await store.apply(items, build, [
        { id: 'a', part: 'item', partition: 0, offset: 0, value: { n: 2, group: 'g' } },
      ]);
      await store.dropBuild(items, await store.swap(items, build));
      expect((await reader.get('a'))!['item']).toEqual({ n: 2, group: 'g' });
      await expect(there.store.ensure({ ...items, version: 2 })).rejects.toThrow();
    } finally {
      await there.close();
    }
  });

  it('answers each shape of query from its index, without sorting', async () => {
    harness = await open();
    await harness.views.store.ensure(items);
    const db = new DatabaseSync((harness.views.remote.options as { file: string }).file, { readOnly: true });
    try {
      const statements = new Statements(db, layoutOf(items), 1);
      const shapes: Partial<FindQuery>[] = [
        {},
        { equals: ['g'] },
        { equals: ['g', 1] },
        { equals: ['g'], order: 'desc' },
        { equals: ['g'], range: { gte: 1, lt: 3 } },
        { equals: ['g'], after: { values: [1], id: 'a' } },
        { equals: ['g'], range: { lte: 4 }, after: { values: [1], id: 'a' } },
        { equals: ['g', 1], after: { values: [], id: 'a' }, bodies: ['item.line'] },
        { index: 'by_tag', equals: ['g', 'x'], after: { values: [], id: 'a' } },
      ];
      for (const shape of shapes) {
        const sql = statements.find(planQuery(items, { index: 'by_group', limit: 5, ...shape }), true).sourceSQL;
        const steps = (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
          .map((r) => r.detail)
          .join('; ');
        expect(steps, JSON.stringify(shape)).not.toMatch(/TEMP B-TREE/);
        if (shape.equals) expect(steps, JSON.stringify(shape)).not.toMatch(/SCAN/);
        if (shape.after && shape.index === undefined)
          expect(steps, JSON.stringify(shape)).toMatch(
            shape.equals!.length === 1 ? /f0=\? AND \(f1,_id\)[>=]/ : /_id[>]/,
          );
      }
      const range = { gte: 'c=1', lt: 'c=2' };
      for (const [equals, ranges] of [
        [['g'], 2],
        [['g'], 1000],
        [[['g', 'h']], 1000],
      ] as const) {
        const all = [Array.from({ length: ranges }, () => range), Array.from({ length: ranges }, () => range)];
        const { sourceSQL } = statements.ids(planIds(items, { index: 'by_tag', equals, all, limit: 5 }));
        const steps = db.prepare(`EXPLAIN QUERY PLAN ${sourceSQL}`).all() as { detail: string }[];
        const ofElements = steps.filter(({ detail }) => / a (USING|VIRTUAL)|^(SCAN|SEARCH) a\b/.test(detail));
        expect(ofElements.length).toBe(ranges > 2 ? 1 : ranges);
        for (const { detail } of ofElements) expect(detail).toMatch(/^SEARCH a USING .*k0=\? AND k1>\? AND k1<\?/);
      }
    } finally {
      db.close();
    }
  });
});
