import { setImmediate as nextTurn } from 'node:timers/promises';
import { DocumentDigest } from '../encoding.ts';
import type { Projection } from '../projection.ts';
import { topicPosition } from '../progress.ts';
import type { ViewSnapshot } from '../store.ts';
import { Connection } from './connection.ts';
import { Statements } from './statements.ts';
import { layoutOf } from './tables.ts';

/**
 * A snapshot of builds on a connection of its own, while writes continue. A database in memory has only one connection,
 * so it is copied.
 */
export function snapshot(connection: Connection, projection: Projection, builds: readonly number[]): ViewSnapshot {
  const layout = layoutOf(projection);
  const { file, db } = connection;
  const own = new Connection(file, true, file === ':memory:' ? db.serialize() : undefined);
  own.db.exec('BEGIN'); // keeps one state of the file from the first read on
  const positions = new Map(
    builds.map((b) => [b, topicPosition(Object.keys(projection.topics), own.checkpoints(projection, b))] as const),
  );
  const bodies = projection.bodies ?? [];
  const byName = [...layout.parts].sort((a, b) => (a.name < b.name ? -1 : 1));
  const bodyStart = 1 + layout.parts.length;
  const bodyColumns = layout.parts.flatMap((p) => p.bodies.map((b) => b.column));
  return {
    positions: (build) => positions.get(build)!,
    digest: async (build) => {
      const digest = new DocumentDigest();
      const page = new Statements(own.db, layout, build).page(bodies);
      for (let after = ''; ; await nextTurn()) {
        const rows = page.all(after) as unknown as readonly (readonly unknown[])[];
        for (const row of rows) {
          const parts = byName.flatMap((p) =>
            row[1 + p.n] === null
              ? []
              : [
                  {
                    part: p.name,
                    json: row[1 + p.n] as string,
                    bodies: p.bodies.map((b) => row[bodyStart + bodyColumns.indexOf(b.column)] as Uint8Array | null),
                  },
                ],
          );
          if (parts.length > 0) digest.add(row[0] as string, parts);
        }
        if (rows.length === 0) return digest.result();
        after = rows.at(-1)![0] as string;
      }
    },
    close: () => own.close(),
  };
}
