import type { ViewDocument } from '../projection.ts';
import { decode } from './layout.ts';
import type { Layout, StoredDocument } from './layout.ts';

/** Documents decoded before (`Projection.keepDecoded`), given again while the positions of their parts are the same. */
export class Decoded {
  readonly #keep: number;
  readonly #looked: (kept: boolean) => void;
  readonly #known = new Map<string, { readonly positions: string; readonly document: ViewDocument }>();

  constructor(keep: number, looked: (kept: boolean) => void) {
    this.#keep = keep;
    this.#looked = looked;
  }

  of(layout: Layout, stored: StoredDocument): ViewDocument | undefined {
    const positions = JSON.stringify(stored._p);
    const known = this.#known.get(stored._id);
    this.#looked(known?.positions === positions);
    if (known?.positions === positions) return known.document;
    this.#known.delete(stored._id);
    const document = decode(layout, stored);
    if (document === undefined) return undefined;
    if (this.#known.size >= this.#keep) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(stored._id, { positions, document });
    return document;
  }
}
