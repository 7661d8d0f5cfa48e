import type { DatabaseSync } from 'node:sqlite';
import { physicalName } from '../encoding.ts';
import { rowIdsOf } from './row-ids.ts';
import { type Layout, quoted } from './tables.ts';

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
  return [
    { name: `${table}__inserted`, after: 'INSERT', subjects: subjectOf('NEW.') },
    { name: `${table}__updated`, after: 'UPDATE', subjects: `${subjectOf('OLD.')}, ${subjectOf('NEW.')}` },
    { name: `${table}__deleted`, after: 'DELETE', subjects: subjectOf('OLD.') },
  ].map((trigger) => ({ ...trigger, table }));
};

/**
 * Triggers remove the extracts, so that every writer of the file does so in its own transaction, a build of an earlier
 * release included. If a build with documents had none, extracts may be older than these, so all of them go. Call it in
 * a transaction.
 */
export function completeTriggers(db: DatabaseSync, layout: Layout, build: number): void {
  if (createTriggers(db, layout, build)) db.exec('DELETE FROM extracts');
}

/** For a build without documents. @returns whether it lacked any */
export function createTriggers(db: DatabaseSync, layout: Layout, build: number): boolean {
  const exists = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?");
  const missing = triggersOf(layout, build).filter(({ name }) => exists.get(name) === undefined);
  for (const { name, after, subjects, table } of missing)
    db.exec(
      `CREATE TRIGGER ${quoted(name)} AFTER ${after} ON ${quoted(table)} ` +
        `BEGIN DELETE FROM extracts WHERE subject IN (${subjects}); END`,
    );
  return missing.length > 0;
}
export function dropTriggers(db: DatabaseSync, layout: Layout, build: number): void {
  for (const { name } of triggersOf(layout, build)) db.exec(`DROP TRIGGER IF EXISTS ${quoted(name)}`);
}
