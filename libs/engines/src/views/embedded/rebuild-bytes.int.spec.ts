import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EventLog } from '../../log/index.ts';
import { openEmbeddedLog } from '../../log/embedded/index.ts';
import { items, record } from '../contract/fixture.ts';
import type { Views } from '../port.ts';
import { ProjectionSet } from '../projection-set.ts';
import { openEmbeddedViews } from './index.ts';

let folder: string;
let views: Views;
let log: EventLog;
let set: ProjectionSet;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rebuild-bytes-'));
  log = openEmbeddedLog({ file: join(folder, 'log.db'), partitions: 1 });
  views = openEmbeddedViews({ file: join(folder, 'views.db') });
  set = new ProjectionSet({ log, views, projections: [items] });
});
afterEach(async () => {
  await set.stop();
  await views.close();
  await log.close();
  rmSync(folder, { recursive: true });
});

const reading = <T>(name: string, read: (one: (sql: string) => number) => T): T => {
  const db = new DatabaseSync(join(folder, name), { readOnly: true });
  try {
    return read((sql) => Number(Object.values(db.prepare(sql).get()!)[0]));
  } finally {
    db.close();
  }
};
/** Of the file, with its free pages, and what of it has documents. SQLite gives no page back. */
const bytes = (): { readonly file: number; readonly used: number } =>
  reading('views.db', (one) => {
    const [size, pages, free] = [one('PRAGMA page_size'), one('PRAGMA page_count'), one('PRAGMA freelist_count')];
    return { file: size * pages, used: size * (pages - free) };
  });
/** The rows of the log: of its one topic, and of its topics. */
const logRows = (): readonly number[] =>
  reading('log.db', (one) => [one('SELECT sum(length(v)) FROM log_1_0'), one('SELECT count(*) FROM topics')]);

it.each([
  ['the build before is dropped at once', 0],
  ['the build before is kept for a rollback', 60_000],
])('adds 1.1 times the bytes of the live view, and a third rebuild no others, where %s', async (_, graceMs) => {
  const given = Array.from({ length: 3_000 }, (_, n) =>
    record(`document-${n}`, { n, group: `g${n % 9}`, tags: [`a${n % 50}`, `b${n}`], line: `line ${n} `.repeat(60) }),
  );
  await log.append('t.items', given);
  await set.start();
  const head = await log.head(['t.items']);
  expect(await views.reader(items).waitFor(head, 60_000)).toBe(true);
  const live = bytes();
  const logBefore = logRows();
  const after: number[] = [];
  for (let round = 1; round <= 3; round++) {
    const before = bytes();
    let peak = 0;
    const looking = setInterval(() => (peak = Math.max(peak, bytes().file)), 5);
    expect(await set.rebuild('items', { graceMs })).toMatchObject({ equal: true });
    clearInterval(looking);
    if (graceMs === 0) await expect.poll(() => bytes().used).toBeLessThan(1.05 * live.used);
    after.push(bytes().file);
    expect(Math.max(peak, after.at(-1)!) - before.file).toBeLessThanOrEqual(1.1 * live.used);
  }
  expect(after[2]).toBeLessThanOrEqual(1.05 * after[0]!);
  expect(logRows()).toEqual(logBefore);
});
