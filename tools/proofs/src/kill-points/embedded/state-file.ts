import { DatabaseSync } from 'node:sqlite';

let opened = 0;

/**
 * A SQLite database in memory that several connections of this process share under one name. The connection here keeps
 * the database alive while the state store of one process closes and that of the next one opens.
 */
export class StateFile {
  /** The name for the embedded state store. */
  readonly file = `file:/kill-points-${(opened += 1)}?vfs=memdb`;
  readonly #keeper = new DatabaseSync(this.file);

  /** A database with the content of a copy, or an empty one. */
  static of(copy: Uint8Array | undefined): StateFile {
    const state = new StateFile();
    if (copy === undefined) return state;
    const source = new DatabaseSync(':memory:');
    source.deserialize(copy);
    source.prepare('VACUUM INTO ?').run(state.file);
    source.close();
    return state;
  }

  copy(): Uint8Array {
    return this.#keeper.serialize();
  }
  close(): void {
    this.#keeper.close();
  }
}
