import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileCalls } from './file-calls.ts';

/**
 * Syncs that run at once. A process has four threads for files, and the audit of other requests needs one.
 */
const TOGETHER = 3;

/** Syncs files and folders, a few at a time, in the order of the calls. */
export class Syncs {
  readonly #calls: Pick<FileCalls, 'open' | 'fsync' | 'close'>;
  readonly #waiting: (() => void)[] = [];
  /** Syncs of folders that wait for their turn. */
  readonly #folders = new Map<string, Promise<void>>();
  /** Syncs of files that run. */
  readonly #files = new Set<Promise<void>>();
  #running = 0;
  constructor(calls: Pick<FileCalls, 'open' | 'fsync' | 'close'>) {
    this.#calls = calls;
  }

  file(fd: number): Promise<void> {
    return this.#inTurn(async () => {
      const running = this.#calls.fsync(fd).finally(() => this.#files.delete(running));
      this.#files.add(running);
      await running;
    });
  }

  /**
   * A rename survives a power failure only if its folder is synced too. Resolves when the renames before the call do.
   * Calls for one folder share a sync that has not begun. It begins after all syncs that were asked for before, so
   * files that are written together share the sync of their folder.
   */
  folder(folder: string): Promise<void> {
    const waiting = this.#folders.get(folder);
    if (waiting !== undefined) return waiting;
    const shared = this.#inTurn(async () => {
      await Promise.allSettled([...this.#files]);
      // These files get their names now.
      await nextTurn();
      this.#folders.delete(folder);
      const fd = await this.#calls.open(folder, 'r');
      try {
        await this.#calls.fsync(fd);
      } finally {
        await this.#calls.close(fd);
      }
    });
    this.#folders.set(folder, shared);
    return shared;
  }

  async #inTurn(sync: () => Promise<void>): Promise<void> {
    if (this.#running < TOGETHER) this.#running += 1;
    // Whoever ends hands its place over.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await sync();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
