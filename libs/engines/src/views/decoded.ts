import { BoundedMap } from '@provider-access/kernel';
import type { Projection, ViewDocument } from './projection.ts';

/** A cache of decoded documents (`Projection.keepDecoded`), valid while the positions of their parts are unchanged. */
export class Decoded {
  readonly #known: BoundedMap<string, { readonly positions: readonly unknown[]; readonly document: ViewDocument }>;

  constructor({ keepDecoded = 0 }: Projection) {
    this.#known = new BoundedMap(keepDecoded);
  }

  /** The document that was decoded last, if `changed` was not called for it since. */
  newest(id: string): ViewDocument | undefined {
    return this.#known.get(id)?.document;
  }
  /** Call it for each change before it can be read, where `newest` is used. */
  changed(ids: Iterable<string>): void {
    for (const id of ids) this.#known.delete(id);
  }

  /** @param looked called with whether the cache has the document */
  of(
    id: string,
    positions: readonly unknown[],
    decode: () => ViewDocument | undefined,
    looked: ((kept: boolean) => void) | undefined,
  ): ViewDocument | undefined {
    const known = this.#known.get(id);
    const kept = known !== undefined && known.positions.every((position, i) => position === positions[i]);
    looked?.(kept);
    if (kept) return known.document;
    this.#known.delete(id);
    const document = decode();
    if (document !== undefined) this.#known.set(id, { positions, document });
    return document;
  }
}
