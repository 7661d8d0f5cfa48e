import type { DatabaseSync } from 'node:sqlite';
import { recordsOf, plainRow, type Row } from './blocks.ts';
import { VALUE } from './limit.ts';

/** The name of the column with the count of partitions says which rows the file may have. */
const [PLAIN, BLOCKS] = ['partitions', 'partition_count'];

/**
 * Builds up to 0.2.0 know only plain rows. In a file that may have blocks they do not find the column of the table
 * `topics`, and refuse the file instead of misreading it.
 */
export function allowBlocks(db: DatabaseSync): void {
  if (columnOf(db) === PLAIN) db.exec(`ALTER TABLE topics RENAME COLUMN ${PLAIN} TO ${BLOCKS}`);
}

/**
 * Makes a file that earlier builds read: each record of a block becomes a row. Each block is one transaction, so after
 * a kill the next start continues.
 */
export function unpackBlocks(db: DatabaseSync, transaction: (work: () => void) => void): void {
  if (columnOf(db) === PLAIN) return;
  const topics = db.prepare(`SELECT id, ${BLOCKS} AS count FROM topics`).all() as { id: number; count: number }[];
  for (const { id, count } of topics)
    for (let partition = 0; partition < count; partition++) unpackTable(db, `log_${id}_${partition}`, transaction);
  transaction(() => db.exec(`ALTER TABLE topics RENAME COLUMN ${BLOCKS} TO ${PLAIN}`));
}

function unpackTable(db: DatabaseSync, table: string, transaction: (work: () => void) => void): void {
  const next = db.prepare(`SELECT o, k, h, v, t FROM ${table} WHERE o > ? AND typeof(h) = 'blob' ORDER BY o LIMIT 1`);
  const remove = db.prepare(`DELETE FROM ${table} WHERE o = ?`);
  const insert = db.prepare(`INSERT INTO ${table} (o, k, h, v, t) VALUES (?, ?, ?, ?, ?)`);
  for (let row: Row | undefined; (row = next.get(row?.o ?? -1) as Row | undefined) !== undefined;) {
    const block = row;
    transaction(() => {
      remove.run(block.o);
      for (const record of recordsOf(block, '', 0)) {
        const { o, k, h, v, t } = plainRow(record);
        insert.run(o, k, h, v, t);
      }
    });
  }
}

function columnOf(db: DatabaseSync): string {
  const columns = db.prepare('SELECT name FROM pragma_table_info(?)').all('topics') as { name: string }[];
  return columns.some(({ name }) => name === BLOCKS) ? BLOCKS! : PLAIN!;
}

/** A topic's number in the names of its tables, and its count of partitions. */
export interface TopicRow {
  readonly id: number;
  readonly partitions: number;
}

const topicRow = (row: Readonly<Record<string, unknown>>): TopicRow => ({
  id: Number(row['id']),
  partitions: Number(row[BLOCKS!] ?? row[PLAIN!]),
});

/** In both forms of the file. */
export function topicOf(db: DatabaseSync, topic: string): TopicRow | undefined {
  const row = db.prepare(`SELECT * FROM topics WHERE topic = ${VALUE}`).get(topic);
  return row && topicRow(row);
}

/** The highest count of partitions of a topic; undefined in a file without topics. */
export function mostPartitions(db: DatabaseSync): number | undefined {
  const counts = db
    .prepare('SELECT * FROM topics')
    .all()
    .map((row) => topicRow(row).partitions);
  return counts.length === 0 ? undefined : Math.max(...counts);
}

/** Creates a topic and its tables, in the transaction of the caller. */
export function createTopic(db: DatabaseSync, topic: string, partitions: number): TopicRow {
  const id = Number(db.prepare('SELECT coalesce(max(id), 0) + 1 AS id FROM topics').get()!['id']);
  db.prepare('INSERT INTO topics VALUES (?,?,?)').run(topic, id, partitions);
  for (let p = 0; p < partitions; p++)
    db.exec(
      `CREATE TABLE log_${id}_${p} (o INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT NOT NULL, h TEXT NOT NULL, v ` +
        'BLOB NOT NULL, t INTEGER NOT NULL)',
    );
  return { id, partitions };
}
