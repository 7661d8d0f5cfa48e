import { EngineUnavailable } from '@provider-access/engines/log';
import { Connection } from '../embedded/connection.ts';
import { EmbeddedStore } from '../embedded/store.ts';
import { Leases } from '../leases.ts';
import { collectionName } from '../projection.ts';
import type { Build, Builds, Checkpoint, ViewOp } from '../store.ts';
import { CheckpointMoved } from '../store.ts';
import type { Projection } from '../projection.ts';

/** The embedded store without a file. With `restore` it can lose acknowledged writes, as a shared store can. */
export class MemoryStore extends EmbeddedStore {
  override readonly shared: boolean;
  #incarnation = 0;
  /** Views whose seal was lifted because the lease of the builder had run out. */
  readonly #lifted = new Set<string>();

  /** @param now ms, of the clock of leases */
  constructor(shared: boolean, now?: () => number) {
    super({ file: ':memory:' });
    this.shared = shared;
    this.leases = new Leases(now);
  }

  /** As in the store of several processes: when the builder has died, any process lifts its seal after its lease. */
  override async builds(projection: Projection, fresh = false): Promise<Builds | undefined> {
    const builds = await super.builds(projection);
    const view = collectionName(projection);
    const { live = 0, building } = builds ?? {};
    const abandoned = building !== undefined && !this.leases.isHeld(`${view}/${building}`);
    if (this.shared && fresh && abandoned && this.isSealed(view, live)) {
      this.#lifted.add(view);
      await this.unseal(projection);
    }
    return builds;
  }
  override async seal(projection: Projection): Promise<readonly Checkpoint[]> {
    this.#lifted.delete(collectionName(projection));
    return super.seal(projection);
  }
  override async swap(projection: Projection, build: number, keepUntil?: number): Promise<number> {
    const view = collectionName(projection);
    if (this.#lifted.has(view)) throw new EngineUnavailable(`${view}: the seal of the live build was lifted`);
    return super.swap(projection, build, keepUntil);
  }

  override incarnation(): number {
    return this.#incarnation;
  }

  override async apply(
    projection: Projection,
    build: Build,
    ops: readonly ViewOp[],
    checkpoint?: Checkpoint,
    from?: number,
    incarnation = this.#incarnation,
  ): Promise<readonly string[]> {
    if (incarnation !== this.#incarnation)
      throw new CheckpointMoved(`${collectionName(projection)}: the store may have lost data`);
    return super.apply(projection, build, ops, checkpoint, from);
  }

  /** The current content, for `restore`. */
  copy(): Uint8Array {
    return this.connection.db.serialize();
  }

  /** Loses all writes after the copy. */
  restore(copy: Uint8Array): void {
    this.#incarnation++;
    this.close();
    this.use(new Connection(':memory:', false, copy));
  }
}
