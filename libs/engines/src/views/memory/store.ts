import { Connection } from '../embedded/connection.ts';
import { EmbeddedStore } from '../embedded/store.ts';
import { collectionName, type Projection } from '../projection.ts';
import { type Advance, CheckpointMoved, type ViewOp } from '../store.ts';

/** The embedded store without a file. With `restore` it can lose acknowledged writes, as a shared store can. */
export class MemoryStore extends EmbeddedStore {
  override readonly shared: boolean;
  #incarnation = 0;
  readonly #now: () => number;

  /** @param now ms, of the clock of leases */
  constructor(shared: boolean, now = () => performance.now()) {
    super({ file: ':memory:' });
    this.shared = shared;
    this.#now = now;
  }

  protected override now(): number {
    return this.#now();
  }
  override generation(projection: Projection): number | undefined {
    return this.shared ? undefined : super.generation(projection);
  }
  override incarnation(): number {
    return this.#incarnation;
  }

  override async apply(
    projection: Projection,
    build: number,
    ops: readonly ViewOp[],
    checkpoint?: Advance,
    incarnation = this.#incarnation,
  ): Promise<readonly string[]> {
    if (incarnation !== this.#incarnation) throw CheckpointMoved.lost(collectionName(projection));
    return super.apply(projection, build, ops, checkpoint);
  }

  /** The current content, for `restore`. */
  copy(): Uint8Array {
    this.connection.flush();
    return this.connection.db.serialize();
  }

  /** Loses all writes after the copy. */
  restore(copy: Uint8Array): void {
    this.#incarnation++;
    this.close();
    this.connection = new Connection(':memory:', false, copy);
  }
}
