import type { SpanContext } from '@provider-access/service/observability';

/** Documents whose last write was recorded: so many are remembered. */
const KEPT = 10_000;

/**
 * Which recorded write made a document, as far as this process knows: what reads it later can say where it comes from.
 */
export class RecentWrites {
  readonly #contexts = new Map<string, SpanContext>();

  wrote(collection: string, ids: Iterable<string>, context: SpanContext): void {
    for (const id of ids) {
      const key = `${collection}/${id}`;
      this.#contexts.delete(key);
      this.#contexts.set(key, context);
    }
    for (const key of this.#contexts.keys()) {
      if (this.#contexts.size <= KEPT) return;
      this.#contexts.delete(key);
    }
  }
  of(collection: string, id: string): SpanContext | undefined {
    return this.#contexts.size === 0 ? undefined : this.#contexts.get(`${collection}/${id}`);
  }
}
