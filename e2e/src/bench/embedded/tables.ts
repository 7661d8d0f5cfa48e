import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Kept } from '../bytes.ts';

/** The bytes of each topic, table and index in a file of the embedded engine. https://www.sqlite.org/dbstat.html */
export function tablesOf(folder: string, file: string): Kept {
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  try {
    const hasTopics = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'topics'").get() !== undefined;
    const topics = new Map(
      (hasTopics ? database.prepare('SELECT topic, id FROM topics').all() : []).map(
        ({ topic, id }) => [String(id), String(topic)] as const,
      ),
    );
    const bytes = new Map<string, number>();
    for (const row of database.prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name').iterate()) {
      const table = String(row['name']);
      const [, id] = /^log_(\d+)_/.exec(table) ?? [];
      const what = `${file}: ${id === undefined ? table : (topics.get(id) ?? table)}`;
      bytes.set(what, (bytes.get(what) ?? 0) + Number(row['bytes']));
    }
    return [...bytes].map(([what, sum]) => ({ what, bytes: sum }));
  } finally {
    database.close();
  }
}
