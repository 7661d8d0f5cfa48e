import { collectionName, type FindQuery, type IdsQuery, type Projection, type ViewDocument } from '../projection.ts';
import type { Build, Checkpoint, StoredPart, ViewOp, ViewSnapshot, ViewStore } from '../store.ts';
import { EmbeddedBuilds } from './builds.ts';
import { Connection } from './connection.ts';
import { Documents } from './documents.ts';
import { reading } from './faults.ts';
import { Queries } from './queries.ts';
import { snapshot } from './snapshot.ts';

export interface EmbeddedViewsOptions {
  /** The SQLite file, in an existing folder. */
  readonly file: string;
  readonly readonly?: boolean;
  /** Checkpoints the file in a thread of its own, for long-running processes. Default false. */
  readonly backgroundCheckpoints?: boolean;
}

/**
 * Views in one SQLite file. WAL with synchronous=NORMAL: after a power failure the last seconds may be lost. The rest
 * is a prefix of the write-ahead log, so a checkpoint never survives without its documents. The runner reads the lost
 * records again from the log.
 */
export class EmbeddedStore extends EmbeddedBuilds implements ViewStore {
  readonly shared: boolean = false;
  looked: ((kept: boolean) => void) | undefined;
  #documents!: Documents;
  #queries!: Queries;

  constructor({ file, readonly = false }: EmbeddedViewsOptions) {
    super();
    this.use(new Connection(file, readonly));
  }

  protected use(connection: Connection): void {
    this.connection = connection;
    this.#documents = new Documents(connection);
    this.#queries = new Queries(connection, (kept) => this.looked?.(kept));
  }

  close(): void {
    this.connection.close();
  }
  incarnation(): number {
    return 0;
  }

  async parts(
    projection: Projection,
    build: Build,
    partName: string,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, StoredPart>> {
    return this.#documents.parts(projection, build, partName, ids);
  }
  async apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
  ): Promise<readonly string[]> {
    const collection = collectionName(projection);
    const refused = await this.connection.together(ops.length, () => {
      const statements = this.connection.of(projection, build)!;
      const lost = this.#documents.write(statements, ops);
      if (checkpoint !== undefined && lost.length === 0) {
        const number = build === 'live' ? this.connection.lookup(collection)!.live : build;
        this.save(collection, number, checkpoint, from);
      }
      return lost;
    });
    if (checkpoint !== undefined && refused.length === 0) this.advances.announce(collection);
    return refused;
  }

  async remove(projection: Projection, ids: readonly string[]): Promise<void> {
    const statements = this.connection.of(projection, 'live');
    if (statements === undefined || ids.length === 0) return;
    this.connection.transaction(() => {
      for (const id of ids) for (const statement of statements.removals()) statement.run(id);
    });
  }

  async getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): Promise<readonly (ViewDocument | undefined)[]> {
    return reading(() => this.#queries.getMany(projection, ids, bodies));
  }
  async find(projection: Projection, query: FindQuery): Promise<readonly ViewDocument[]> {
    return reading(() => this.#queries.find(projection, query));
  }
  async ids(projection: Projection, query: IdsQuery): Promise<readonly string[]> {
    return reading(() => this.#queries.ids(projection, query));
  }
  async count(projection: Projection, build: Build): Promise<number> {
    return this.#queries.count(projection, build);
  }

  async snapshot(projection: Projection, builds: readonly number[]): Promise<ViewSnapshot> {
    return snapshot(this.connection, projection, builds);
  }
}
