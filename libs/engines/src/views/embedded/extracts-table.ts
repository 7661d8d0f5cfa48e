import type { DatabaseSync } from 'node:sqlite';
import { physicalName } from '../encoding.ts';
import { rowIdsOf } from './row-ids.ts';
import { type Layout, quoted } from './tables.ts';
import { VALUE } from '../../log/embedded/index.ts';

/** An id is never used again, so it names one reservation. `builds`: the form, and the live builds of the views. */
export const EXTRACTS = `
  CREATE TABLE IF NOT EXISTS extracts (id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, name TEXT NOT NULL,
    builds TEXT NOT NULL, head TEXT, body BLOB, bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (subject, name));
  CREATE INDEX IF NOT EXISTS extracts_bytes ON extracts (bytes)`;

const triggersOf = (layout: Layout, build: number) => {
  const { collection, projection, columns } = layout;
  if (projection.subject === undefined) return [];
  const table = physicalName(collection, build);
  const subjectOf = (row: string): string =>
    projection.subject === '_id' ? rowIdsOf(layout, table).id(row) : row + columns.get(projection.subject!)!;
  const [before, now] = [subjectOf('OLD.'), subjectOf('NEW.')];
  return [
    { name: `${table}__inserted`, after: 'INSERT', subjects: [now] },
    { name: `${table}__updated`, after: 'UPDATE', subjects: [before, now] },
    { name: `${table}__deleted`, after: 'DELETE', subjects: [before] },
  ].map(({ name, after, subjects }) => {
    // A list would be a table of its own for each row, and most subjects have no extracts.
    const when = subjects.map((subject) => `EXISTS (SELECT 1 FROM extracts WHERE subject = ${subject})`).join(' OR ');
    const sql =
      `CREATE TRIGGER ${quoted(name)} AFTER ${after} ON ${quoted(table)} WHEN ${when} ` +
      `BEGIN DELETE FROM extracts WHERE subject IN (${subjects.join(', ')}); END`;
    return { name, sql };
  });
};

/**
 * Triggers remove the extracts, so that every writer of the file does so in its own transaction, a build of an earlier
 * release included. If a build with documents had none, extracts may be older than these, so all of them go. Call it in
 * a transaction.
 */
export function completeTriggers(db: DatabaseSync, layout: Layout, build: number): void {
  if (createTriggers(db, layout, build)) db.exec('DELETE FROM extracts');
}

/**
 * For a build without documents. A trigger of an earlier release does the same, and is replaced.
 * @returns whether the build lacked any
 */
export function createTriggers(db: DatabaseSync, layout: Layout, build: number): boolean {
  const stored = db.prepare(`SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ${VALUE}`);
  let lacked = false;
  for (const { name, sql } of triggersOf(layout, build)) {
    const found = stored.get(name)?.['sql'];
    if (found === sql) continue;
    if (found === undefined) lacked = true;
    else db.exec(`DROP TRIGGER ${quoted(name)}`);
    db.exec(sql);
  }
  return lacked;
}
export function dropTriggers(db: DatabaseSync, layout: Layout, build: number): void {
  for (const { name } of triggersOf(layout, build)) db.exec(`DROP TRIGGER IF EXISTS ${quoted(name)}`);
}
