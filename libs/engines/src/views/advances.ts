/** Wakes the callers in this process that wait for a collection to advance. */
export class Advances {
  readonly #listeners = new Map<string, Set<() => void>>();

  listen(collection: string, listener: () => void): () => void {
    let listeners = this.#listeners.get(collection);
    if (listeners === undefined) this.#listeners.set(collection, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  announce(collection: string): void {
    for (const listener of this.#listeners.get(collection) ?? []) listener();
  }
}
