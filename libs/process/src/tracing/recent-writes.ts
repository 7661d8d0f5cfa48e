import { BoundedMap } from '@provider-access/kernel';
import type { SpanContext } from '@provider-access/service/observability';

/** The write of so many documents is remembered. */
const KEPT = 10_000;

/**
 * Which recorded write made a document, as far as this process knows. A later read of the document links to that write.
 */
export class RecentWrites {
  readonly #contexts = new BoundedMap<string, SpanContext>(KEPT);

  wrote(collection: string, ids: Iterable<string>, context: SpanContext): void {
    for (const id of ids) this.#contexts.set(`${collection}/${id}`, context);
  }
  of(collection: string, id: string): SpanContext | undefined {
    return this.#contexts.size === 0 ? undefined : this.#contexts.get(`${collection}/${id}`);
  }
}
