import { BoundedMap } from '@provider-access/kernel';
import type { ViewDocument } from '../projection.ts';
import { decode, type Layout, type StoredDocument } from './layout.ts';

/** A cache of decoded documents (`Projection.keepDecoded`), valid while the positions of their parts are unchanged. */
export class Decoded {
  readonly #looked: (kept: boolean) => void;
  readonly #known: BoundedMap<string, { readonly positions: string; readonly document: ViewDocument }>;

  constructor(keep: number, looked: (kept: boolean) => void) {
    this.#known = new BoundedMap(keep);
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
    this.#known.set(stored._id, { positions, document });
    return document;
  }
}
