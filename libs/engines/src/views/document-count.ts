import type { Projection } from './projection.ts';
import type { ViewStore } from './view-store.ts';

/**
 * How long a number of documents counts for a view that is behind, ms. A caller that waits for the view asks often, and
 * each count scans an index.
 */
const COUNTED_MS = 5000;

/** The number of documents of a view. While the view is behind, a count may be some seconds old. */
export class DocumentCount {
  readonly #store: ViewStore;
  readonly #projection: Projection;
  #known: { readonly build: number | undefined; readonly documents: number; readonly until: number } | undefined;

  constructor(store: ViewStore, projection: Projection) {
    this.#store = store;
    this.#projection = projection;
  }

  async of(build: number | undefined, isBehind: boolean): Promise<number> {
    const known = this.#known;
    if (isBehind && known !== undefined && known.build === build && performance.now() < known.until)
      return known.documents;
    const documents = await this.#store.count(this.#projection);
    this.#known = { build, documents, until: performance.now() + COUNTED_MS };
    return documents;
  }
}
