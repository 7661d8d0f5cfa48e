import { open } from 'node:fs/promises';

/** A rename survives a power failure only if its folder is synced too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Syncs folders. Calls for one folder that come while a sync of it runs share the next one. */
export class FolderSyncs {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /** Resolves when the renames before the call survive a power failure. @throws errors of the system */
  sync(folder: string): Promise<void> {
    const next = this.#next.get(folder);
    if (next !== undefined) return next;
    // The one that runs may have begun before the rename.
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    const begin = (): Promise<void> => {
      this.#next.delete(folder);
      return this.#start(folder);
    };
    const after = running.then(begin, begin);
    this.#next.set(folder, after);
    return after;
  }

  #start(folder: string): Promise<void> {
    const started = syncFolder(folder).finally(() => this.#running.delete(folder));
    this.#running.set(folder, started);
    return started;
  }
}
