import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { overEngine } from '../over-engine.ts';
import { Database } from './database.ts';
import { EmbeddedRows } from './rows.ts';

/** The statements of a database, each with its number of values. */
class Watched extends Database {
  readonly statements: string[] = [];
  override get<Row>(sql: string, ...values: Parameters<Database['get']>[1][]): Row | undefined {
    this.statements?.push(sql);
    return super.get(sql, ...values);
  }
  override all<Row>(sql: string, ...values: Parameters<Database['get']>[1][]): readonly Row[] {
    this.statements?.push(sql);
    return super.all(sql, ...values);
  }
  override run(sql: string, ...values: Parameters<Database['get']>[1][]): number {
    this.statements?.push(sql);
    return super.run(sql, ...values);
  }
}

test('E76: taking an item costs the same statements with any backlog, and each finds its row by an index', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    const db = new Watched(file);
    const { work, close } = overEngine(new EmbeddedRows(db, () => 1000), {});
    const costs: string[][] = [];
    for (const backlog of [10, 10_000]) {
      await work.put(
        'q',
        Array.from({ length: backlog }, (_, i) => ({
          id: `${backlog}/${i}`,
          app: `app-${backlog}-${i % 5}`,
          payload: i,
        })),
      );
      await work.take('q', 'h', 5000);
      await work.take('q', 'h', 5000);
      db.statements.length = 0;
      await work.take('q', 'h', 5000);
      await work.take('q', 'h', 5000);
      costs.push([...db.statements]);
    }
    expect(costs[0]).toHaveLength(8);
    expect(costs[1]).toEqual(costs[0]);
    await close();

    const plans = new DatabaseSync(file);
    for (const sql of new Set(costs[0])) {
      const steps = plans.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      const read = steps.map(({ detail }) => String(detail)).filter((step) => step.includes(' work'));
      for (const step of read)
        expect(step, sql).toMatch(
          /^SEARCH work USING (INTEGER PRIMARY KEY|COVERING INDEX work_of_app \(queue=\? AND app=\?\))/,
        );
      if (sql.startsWith('UPDATE work')) expect(read).toHaveLength(2);
      if (sql.includes(' work'))
        expect(steps.map(({ detail }) => detail)).not.toContain('USE TEMP B-TREE FOR ORDER BY');
    }
    plans.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('E76: a file with items of an older build hands them out in turn, and that build may open it again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    let state = overEngine(new EmbeddedRows(new Database(file), () => 1000), {});
    await state.close();
    const older = (): void => {
      const db = new DatabaseSync(file);
      // As the build before lanes wrote items.
      const put = db.prepare(
        'INSERT INTO work (queue, id, payload, attempts, fence, holder, leased_until, not_before, done) ' +
          "VALUES ('q', ?, '1', 0, 0, NULL, 0, 0, 0) ON CONFLICT (queue, id) DO NOTHING",
      );
      for (const id of ['old/0', 'old/1', 'old/2']) put.run(id);
      db.close();
    };
    older();
    state = overEngine(new EmbeddedRows(new Database(file), () => 1000), {});
    await state.work.put(
      'q',
      [0, 1].map((i) => ({ id: `new/${i}`, app: 'a', payload: i })),
    );
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push((await state.work.take('q', 'h', 10))!);
    expect(taken.map(({ id }) => id).sort()).toEqual(['new/0', 'new/1', 'old/0', 'old/1']);
    for (const item of taken) expect(await state.work.done(item)).toBe(true);
    expect((await state.work.take('q', 'h', 10))?.id).toBe('old/2');
    expect(await state.work.take('q', 'h', 10)).toBeUndefined();
    await state.close();
    older();

    state = overEngine(new EmbeddedRows(new Database(file), () => 1011), {});
    expect(await state.work.take('q', 'h', 10)).toMatchObject({ id: 'old/2', attempts: 2 });
    expect(await state.work.take('q', 'h', 10)).toBeUndefined();
    await state.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('E76: a running process finds what an older one has put, when it asks which queues are ready', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'state.db');
  try {
    const state = overEngine(new EmbeddedRows(new Database(file), () => 1000), {});
    expect(await state.work.take('q', 'h', 10)).toBeUndefined();
    const other = new DatabaseSync(file);
    other.exec(
      'INSERT INTO work (queue, id, payload, attempts, fence, holder, leased_until, not_before, done) ' +
        "VALUES ('q', 'old', '1', 0, 0, NULL, 0, 0, 0)",
    );
    other.close();
    expect(await state.work.ready(['p', 'q'])).toEqual(['q']);
    expect((await state.work.take('q', 'h', 10))?.id).toBe('old');
    await state.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
