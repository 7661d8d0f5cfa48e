import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Advances } from '../advances.ts';
import { DocumentDigest, encodePart, isNewer, samePosition } from '../encoding.ts';
import { collectionName } from '../port.ts';
import type { FindQuery, Projection, Scalar, ViewDocument } from '../port.ts';
import { topicPosition } from '../progress.ts';
import { fieldOf, planQuery } from '../query.ts';
import { Leases } from '../leases.ts';
import { CheckpointMoved } from '../store.ts';
import type { Build, Builds, Checkpoint, StoredPart, ViewOp, ViewSnapshot, ViewStore } from '../store.ts';
import { asFault, reading } from './faults.ts';
import { decodePosition, encodePosition, packed } from './positions.ts';
import { documentOf, indexedDocumentOf, Statements } from './statements.ts';
import { createTables, definitionOf, layoutOf, quoted, tablesOf } from './tables.ts';
import type { Layout, PartColumns } from './tables.ts';

export interface EmbeddedViewsOptions {
  /** The SQLite file; its folder exists. */
  readonly file: string;
  readonly readonly?: boolean;
  /** Checkpoints the file in a thread of its own: for long-running processes. Default false. */
  readonly backgroundCheckpoints?: boolean;
}

const REGISTRY = `
  CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, definition TEXT NOT NULL, live INTEGER NOT NULL, building INTEGER, last INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS builds (collection TEXT NOT NULL, build INTEGER NOT NULL, PRIMARY KEY (collection, build)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS checkpoints (collection TEXT NOT NULL, build INTEGER NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, progress TEXT NOT NULL,
    PRIMARY KEY (collection, build, topic, part)) WITHOUT ROWID`;

/** Added to files of an earlier release. */
const ADDED = ['previous', 'keep_until'] as const;

interface Registered { readonly live: number; readonly building: number | undefined; readonly previous: number | undefined; readonly keepUntil: number | undefined; readonly last: number; readonly definition: string }

const bound = (value: unknown): string | number | null => (typeof value === 'boolean' ? Number(value) : typeof value === 'string' || typeof value === 'number' ? value : null);

/**
 * Views in one SQLite file. WAL with synchronous=NORMAL: after a loss of power the last seconds may be missing, but as a
 * prefix of the write-ahead log, so a checkpoint is never there without the documents before it; the runner reads the
 * rest again from the log. A transaction never spans an await.
 */
export class EmbeddedStore implements ViewStore {
  readonly shared = false;
  looked: ((kept: boolean) => void) | undefined;
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #readonly: boolean;
  readonly #advances = new Advances();
  readonly #layouts = new WeakMap<Projection, Layout>();
  readonly #statements = new Map<string, Statements>();
  readonly #registered = new Map<string, Registered>();
  readonly #leases = new Leases();
  readonly #sealed = new Set<string>();
  #dataVersion = -1;
  readonly #control;
  #reading: NodeJS.Immediate | undefined;

  constructor({ file, readonly = false }: EmbeddedViewsOptions) {
    this.#file = file;
    this.#readonly = readonly;
    this.#db = new DatabaseSync(file, { readOnly: readonly, timeout: 5000 });
    if (!readonly) {
      this.#db.exec(`PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864; ${REGISTRY}`);
      const columns = new Set((this.#db.prepare('PRAGMA table_info(collections)').all() as { name: string }[]).map((c) => c.name));
      for (const column of ADDED) if (!columns.has(column)) this.#db.exec(`ALTER TABLE collections ADD COLUMN ${column} INTEGER`);
    }
    // A reader of another thread scans: what it has passed it does not need again.
    this.#db.exec(`PRAGMA cache_size = ${readonly ? -4096 : -16384}; PRAGMA temp_store = MEMORY`);
    const db = this.#db;
    this.#control = {
      read: db.prepare('BEGIN'), begin: db.prepare('BEGIN IMMEDIATE'), commit: db.prepare('COMMIT'), rollback: db.prepare('ROLLBACK'), dataVersion: db.prepare('PRAGMA data_version'),
      registered: db.prepare('SELECT * FROM collections WHERE name = ?'),
      checkpoints: db.prepare('SELECT topic, part, next, progress FROM checkpoints WHERE collection = ? AND build = ?'),
      ...(!readonly && {
        save: db.prepare('INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)'),
        first: db.prepare('INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next, progress = excluded.progress WHERE next = 0'),
        move: db.prepare('UPDATE checkpoints SET next = ?, progress = ? WHERE collection = ? AND build = ? AND topic = ? AND part = ? AND next = ?'),
      }),
    };
  }

  close(): void {
    if (!this.#db.isOpen) return;
    this.#endReading();
    this.#db.close();
  }

  incarnation(): number {
    return 0;
  }

  async ensure(projection: Projection): Promise<void> {
    const layout = this.#layout(projection);
    const definition = definitionOf(layout);
    const there = this.#lookup(layout.collection);
    if (there !== undefined) {
      if (there.definition !== definition) throw new Error(`${layout.collection}: parts, indexes or bodies changed; give the projection a new version`);
      const builds = this.#db.prepare('SELECT build FROM builds WHERE collection = ?').all(layout.collection) as { build: number }[];
      for (const { build } of builds) if (![there.live, there.building, there.previous].includes(build)) await this.#drop(layout, build);
      return;
    }
    this.#transaction(() => {
      createTables(this.#db, layout, 1);
      this.#db.prepare('INSERT INTO builds VALUES (?, 1)').run(layout.collection);
      this.#db.prepare('INSERT INTO collections (name, definition, live, last) VALUES (?, ?, 1, 1)').run(layout.collection, definition);
    });
  }

  async builds(projection: Projection): Promise<Builds | undefined> {
    const r = this.#lookup(collectionName(projection));
    return r && {
      live: r.live, ...(r.building !== undefined && { building: r.building }), ...(r.previous !== undefined && { previous: r.previous }),
      ...(r.keepUntil !== undefined && { keepUntil: r.keepUntil }),
    };
  }

  async parts(projection: Projection, build: Build, partName: string, ids: readonly string[]): Promise<ReadonlyMap<string, StoredPart>> {
    const statements = this.#of(projection, build)!;
    const part = statements.layout.partByName.get(partName)!;
    const select = statements.part(part);
    const found = new Map<string, StoredPart>();
    for (const id of ids) {
      const row = select.get(id) as unknown as readonly unknown[] | undefined;
      if (row === undefined || row[0] === null) continue;
      const value = row[1] === null ? null : (JSON.parse(row[1] as string) as Record<string, unknown>);
      if (value !== null) part.bodies.forEach((b, i) => row[i + 2] !== null && (value[b.field] = row[i + 2]));
      found.set(id, { value, position: decodePosition(row[0]) });
    }
    return found;
  }

  async apply(projection: Projection, build: Build, ops: readonly ViewOp[], checkpoint?: Checkpoint, from?: number): Promise<readonly string[]> {
    const statements = this.#of(projection, build)!;
    const { layout } = statements;
    const refused = this.#transaction(() => {
      const lost: string[] = [];
      for (const op of ops) if (!this.#write(statements, layout.partByName.get(op.part)!, op)) lost.push(op.id);
      if (checkpoint !== undefined && lost.length === 0) {
        const number = build === 'live' ? this.#lookup(layout.collection)!.live : build;
        this.#save(layout.collection, number, checkpoint, from);
      }
      return lost;
    });
    if (checkpoint !== undefined && refused.length === 0) this.#advances.announce(layout.collection);
    return refused;
  }

  #save(collection: string, build: number, { topic, partition, next, progress }: Checkpoint, from: number | undefined): void {
    const entries = JSON.stringify(progress);
    if (from === undefined) {
      this.#control.save!.run(collection, build, topic, partition, next, entries);
      return;
    }
    const saved = this.#sealed.has(`${collection}/${build}`) ? 0
      : from === 0 ? this.#control.first!.run(collection, build, topic, partition, next, entries).changes
      : this.#control.move!.run(next, entries, collection, build, topic, partition, from).changes;
    if (Number(saved) === 0) throw new CheckpointMoved(`${collection}: the checkpoint of ${topic}/${partition} is not at ${from} any more`);
  }

  /** False when the part has moved since `base`. */
  #write(statements: Statements, part: PartColumns, op: ViewOp): boolean {
    const encoded = op.value === null ? undefined : encodePart(op.value, part.bodies.map((b) => b.field));
    const values = [...part.indexed.map((i) => bound(fieldOf(op.value, i.fields))), encoded?.json ?? null];
    const position = packed(op.partition, op.offset);
    if (op.base === undefined && part.arrays.length === 0 && position !== undefined) {
      if (this.#upsert(statements, part, true, [op.id, position, ...values], encoded?.bodies)) return true;
    }
    const row = statements.position(part).get(op.id) as unknown as readonly unknown[] | undefined;
    const before = decodePosition(row?.[0]);
    if (!isNewer(before, op.partition, op.offset)) return true;
    if (op.base !== undefined && !samePosition(op.base, before)) return false;
    this.#upsert(statements, part, false, [op.id, encodePosition({ ...before, [op.partition]: op.offset }), ...values], encoded?.bodies);
    part.arrays.forEach(({ paths }, n) => {
      statements.clearArray(part, n).run(op.id);
      const found = paths.map((fields) => fieldOf(op.value, fields));
      const members = found.pop();
      const prefix = found.map(bound);
      if (!Array.isArray(members) || prefix.includes(null)) return;
      for (const member of members) {
        const value = bound(member);
        if (value !== null) statements.addArray(part, n).run(...prefix, value, op.id);
      }
    });
    return true;
  }

  /** False when the condition did not hold. */
  #upsert(statements: Statements, part: PartColumns, conditional: boolean, values: readonly (string | number | null)[], bodies: readonly (Uint8Array | undefined)[] = []): boolean {
    const upsert = statements.upsert(part, conditional);
    const fresh = statements.nextBody();
    if (part.bodies.length === 0) return upsert.run(fresh, ...values).changes !== 0;
    const row = upsert.get(fresh, ...values) as unknown as readonly [number] | undefined;
    if (row === undefined) return false;
    statements.upsertBodies(part).run(row[0], ...part.bodies.map((_, i) => bodies[i] ?? null));
    return true;
  }

  async checkpoints(projection: Projection, build: Build): Promise<readonly Checkpoint[]> {
    const collection = collectionName(projection);
    const number = build === 'live' ? this.#lookup(collection)?.live : build;
    if (number === undefined) return [];
    const rows = this.#control.checkpoints.all(collection, number) as { topic: string; part: number; next: number; progress: string }[];
    return rows.map((r) => ({ topic: r.topic, partition: r.part, next: r.next, progress: JSON.parse(r.progress) as Checkpoint['progress'] }));
  }

  async verify(projection: Projection, build: Build, topic: string, partition: number, from: number): Promise<void> {
    const next = (await this.checkpoints(projection, build)).find((c) => c.topic === topic && c.partition === partition)?.next ?? 0;
    if (next !== from) throw new CheckpointMoved(`${collectionName(projection)}: the checkpoint of ${topic}/${partition} is not at ${from} any more`);
  }

  async getMany(projection: Projection, ids: readonly string[], bodies: readonly string[]): Promise<readonly (ViewDocument | undefined)[]> {
    return reading(() => this.#getMany(projection, ids, bodies));
  }
  #getMany(projection: Projection, ids: readonly string[], bodies: readonly string[]): readonly (ViewDocument | undefined)[] {
    const statements = this.#of(projection, 'live');
    if (statements === undefined) return ids.map(() => undefined);
    this.#beginReading();
    const keep = bodies.length === 0 ? (projection.keepDecoded ?? 0) : 0;
    if (keep > 0) return ids.map((id) => this.#decoded(statements, id, keep));
    const select = statements.get(bodies);
    return ids.map((id) => {
      const row = select.get(id) as unknown as readonly unknown[] | undefined;
      return row && documentOf(statements.layout, row, bodies);
    });
  }

  /** A document decoded before, while every part's position in the file is still the one that it was decoded at. */
  #decoded(statements: Statements, id: string, keep: number): ViewDocument | undefined {
    const row = statements.getWithPositions().get(id) as unknown as readonly unknown[] | undefined;
    if (row === undefined) return undefined;
    const { decoded, layout } = statements;
    const first = 1 + layout.parts.length;
    const known = decoded.get(id);
    const kept = known !== undefined && layout.parts.every((_, i) => known.positions[i] === row[first + i]);
    this.looked?.(kept);
    if (kept) return known.document;
    const document = documentOf(layout, row, []);
    decoded.delete(id);
    if (document === undefined) return undefined;
    if (decoded.size >= keep) decoded.delete(decoded.keys().next().value!);
    decoded.set(id, { positions: row.slice(first), document });
    return document;
  }

  async find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]> {
    return reading(() => this.#find(projection, query));
  }
  #find(projection: Projection, query: FindQuery): readonly ViewDocument[] {
    const asked = planQuery(projection, query);
    const statements = this.#of(projection, 'live');
    if (statements === undefined) return [];
    const plan = asked.indexedOnly && (!statements.layout.flat || asked.index.array) ? { ...asked, indexedOnly: false } : asked;
    this.#beginReading();
    // Behind `after` the bound on the side that the scan starts from is passed already: one start in the index, not two.
    const start = plan.descending ? '<' : '>';
    const needed = plan.after === undefined || plan.bounds.some((b) => b.op[0] === start && !inside(plan.after!.values[0]!, b.op, b.value));
    const bounds = needed ? plan.bounds : plan.bounds.filter((b) => b.op[0] !== start);
    const values = [...plan.equals, ...bounds.map((b) => b.value), ...(plan.after ? [...plan.after.values, plan.after.id] : []), plan.limit].map(bound);
    const rows = statements.find(plan, needed).all(...values) as unknown as readonly (readonly unknown[])[];
    const decode = plan.indexedOnly ? indexedDocumentOf : documentOf;
    return rows.map((row) => decode(statements.layout, row, plan.bodies)!);
  }

  async count(projection: Projection, build: Build): Promise<number> {
    const row = this.#of(projection, build)?.count().get() as unknown as readonly number[] | undefined;
    return row?.[0] ?? 0;
  }

  async startBuild(projection: Projection): Promise<number> {
    const layout = this.#layout(projection);
    const there = this.#lookup(layout.collection)!;
    if (there.building !== undefined) await this.dropBuild(projection, there.building);
    const build = there.last + 1;
    this.#transaction(() => {
      createTables(this.#db, layout, build);
      this.#db.prepare('INSERT INTO builds VALUES (?, ?)').run(layout.collection, build);
      this.#db.prepare('UPDATE collections SET building = ?, last = ? WHERE name = ?').run(build, build, layout.collection);
    });
    return build;
  }

  async reopen(projection: Projection): Promise<number | undefined> {
    const collection = collectionName(projection);
    const { previous, building } = this.#lookup(collection)!;
    if (previous === undefined || building !== undefined) return undefined;
    this.#transaction(() => this.#db.prepare('UPDATE collections SET building = previous, previous = NULL, keep_until = NULL WHERE name = ?').run(collection));
    this.#sealed.delete(`${collection}/${previous}`);
    return previous;
  }

  async lease(projection: Projection, build: number, holder: string, ttlMs: number): Promise<boolean> {
    const collection = collectionName(projection);
    return this.#lookup(collection)?.building === build && this.#leases.take(`${collection}/${build}`, holder, ttlMs);
  }

  async release(projection: Projection, build: number, holder: string): Promise<void> {
    this.#leases.release(`${collectionName(projection)}/${build}`, holder);
  }

  async seal(projection: Projection): Promise<readonly Checkpoint[]> {
    const collection = collectionName(projection);
    this.#sealed.add(`${collection}/${this.#lookup(collection)!.live}`);
    return this.checkpoints(projection, 'live');
  }

  async unseal(projection: Projection): Promise<void> {
    const collection = collectionName(projection);
    this.#sealed.delete(`${collection}/${this.#lookup(collection)!.live}`);
  }

  async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const collection = collectionName(projection);
    const there = this.#lookup(collection)!;
    if (there.building !== build) throw new Error(`${collection}: build ${build} is not being built`);
    this.#transaction(() => this.#db.prepare('UPDATE collections SET previous = live, keep_until = ?, live = ?, building = NULL WHERE name = ?').run(keepUntil ?? null, build, collection));
    this.#advances.announce(collection);
    return there.live;
  }

  async dropBuild(projection: Projection, build: number): Promise<void> {
    const layout = this.#layout(projection);
    const there = this.#lookup(layout.collection)!;
    if (there.live === build) throw new Error(`${layout.collection}: the live build is not dropped`);
    if (there.building === build) {
      this.#transaction(() => this.#db.prepare('UPDATE collections SET building = NULL WHERE name = ?').run(layout.collection));
      await this.unseal(projection);
    }
    if (there.previous === build) this.#transaction(() => this.#db.prepare('UPDATE collections SET previous = NULL, keep_until = NULL WHERE name = ?').run(layout.collection));
    await this.#drop(layout, build);
  }

  /** Emptied piece by piece, so that dropping a large table never holds the process up. */
  async #drop(layout: Layout, build: number): Promise<void> {
    this.#statements.delete(`${layout.collection}/${build}`);
    for (const { table, key } of tablesOf(layout, build)) {
      if (this.#db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(table) === undefined) continue;
      const piece = this.#db.prepare(`DELETE FROM ${quoted(table)} WHERE ${key} IN (SELECT ${key} FROM ${quoted(table)} LIMIT 500)`);
      while (this.#db.isOpen && this.#transaction(() => piece.run()).changes !== 0) await nextTurn();
    }
    if (!this.#db.isOpen) return; // the next `ensure` goes on
    this.#transaction(() => {
      for (const { table } of tablesOf(layout, build)) this.#db.exec(`DROP TABLE IF EXISTS ${quoted(table)}`);
      this.#db.prepare('DELETE FROM checkpoints WHERE collection = ? AND build = ?').run(layout.collection, build);
      this.#db.prepare('DELETE FROM builds WHERE collection = ? AND build = ?').run(layout.collection, build);
    });
  }

  async snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot> {
    const layout = this.#layout(projection);
    const store = new EmbeddedStore({ file: this.#file, readonly: true });
    store.#db.exec('BEGIN'); // holds one state of the file from its first read on
    const positions = new Map(await Promise.all(builds.map(async (b) => [b, topicPosition(Object.keys(projection.topics), await store.checkpoints(projection, b))] as const)));
    const bodies = projection.bodies ?? [];
    const byName = [...layout.parts].sort((a, b) => (a.name < b.name ? -1 : 1));
    const bodyStart = 1 + layout.parts.length;
    const bodyColumns = layout.parts.flatMap((p) => p.bodies.map((b) => b.column));
    return {
      positions: (build) => positions.get(build)!,
      digest: async (build) => {
        const digest = new DocumentDigest();
        const page = new Statements(store.#db, layout, build).page(bodies);
        for (let after = ''; ; await nextTurn()) {
          const rows = page.all(after) as unknown as readonly (readonly unknown[])[];
          for (const row of rows) {
            const parts = byName.flatMap((p) => (row[1 + p.n] === null ? [] : [{
              part: p.name, json: row[1 + p.n] as string, bodies: p.bodies.map((b) => row[bodyStart + bodyColumns.indexOf(b.column)] as Uint8Array | null),
            }]));
            if (parts.length > 0) digest.add(row[0] as string, parts);
          }
          if (rows.length === 0) return digest.result();
          after = rows.at(-1)![0] as string;
        }
      },
      close: () => store.close(),
    };
  }

  onAdvance(collection: string, listener: () => void): () => void {
    return this.#advances.listen(collection, listener);
  }

  #layout(projection: Projection): Layout {
    let layout = this.#layouts.get(projection);
    if (layout === undefined) this.#layouts.set(projection, (layout = layoutOf(projection)));
    return layout;
  }

  /** What the file says of a collection. A read-only connection looks again when another connection has written. */
  #lookup(collection: string): Registered | undefined {
    if (this.#readonly) {
      const { data_version: version } = this.#control.dataVersion.get() as { data_version: number };
      if (version !== this.#dataVersion) this.#registered.clear();
      this.#dataVersion = version;
    }
    let found = this.#registered.get(collection);
    if (found === undefined) {
      const row = this.#control.registered.get(collection) as { live: number; building: number | null; previous?: number | null; keep_until?: number | null; last: number; definition: string } | undefined;
      if (row === undefined) return undefined;
      found = { live: row.live, building: row.building ?? undefined, previous: row.previous ?? undefined, keepUntil: row.keep_until ?? undefined, last: row.last, definition: row.definition };
      this.#registered.set(collection, found);
    }
    return found;
  }

  #of(projection: Projection, build: Build): Statements | undefined {
    const layout = this.#layout(projection);
    const number = build === 'live' ? this.#lookup(layout.collection)?.live : build;
    if (number === undefined) return undefined;
    const key = `${layout.collection}/${number}`;
    let statements = this.#statements.get(key);
    if (statements === undefined) this.#statements.set(key, (statements = new Statements(this.#db, layout, number)));
    return statements;
  }

  /**
   * Reads of one turn of the event loop share a transaction: locks on the file are half of what a get costs. Only on the
   * connection that writes: everything that changes the file ends the transaction first, so a read sees every write before it.
   */
  #beginReading(): void {
    if (this.#readonly || this.#reading !== undefined || this.#db.isTransaction) return;
    this.#control.read.run();
    this.#reading = setImmediate(() => this.#endReading());
  }

  #endReading(): void {
    if (this.#reading === undefined) return;
    clearImmediate(this.#reading);
    this.#reading = undefined;
    this.#control.commit.run();
  }

  #transaction<T>(work: () => T): T {
    try {
      this.#endReading();
      this.#control.begin.run();
      try {
        const result = work();
        this.#control.commit.run();
        return result;
      } catch (error) {
        if (this.#db.isTransaction) this.#control.rollback.run();
        throw error;
      }
    } catch (error) {
      throw asFault(error);
    } finally {
      this.#registered.clear();
    }
  }
}

/** Does `value` lie within a bound? Only of one type, as the index compares. */
function inside(value: Scalar, op: string, limit: Scalar): boolean {
  if (typeof value !== typeof limit) return false;
  const c = typeof value === 'string' ? Buffer.compare(Buffer.from(value), Buffer.from(limit as string)) : Number(value) - Number(limit);
  return op === '>' ? c > 0 : op === '>=' ? c >= 0 : op === '<' ? c < 0 : c <= 0;
}
