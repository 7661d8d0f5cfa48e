import { BoundedMap } from '@provider-access/kernel';
import type { Projection, ViewDocument } from './projection.ts';
import type { PartPosition } from './store.ts';

/** By part: the last record that changed it. */
type PartPositions = Readonly<Record<string, PartPosition>>;
const RECORDS = new WeakMap<ViewDocument, () => PartPositions>();
/**
 * The last record that changed each part of the document, by part and partition. Undefined unless a read has given the
 * document from a view that keeps decoded documents (`Projection.keepDecoded`).
 */
export const lastRecordsOf = (document: ViewDocument): PartPositions | undefined => RECORDS.get(document)?.();

interface Kept {
  readonly positions: readonly unknown[];
  readonly document: ViewDocument;
  /** When a read last found it in the store, ms of `performance.now`. */
  at: number;
}

/** A cache of decoded documents (`Projection.keepDecoded`), valid while the positions of their parts are unchanged. */
export class Decoded {
  readonly #known: BoundedMap<string, Kept>;
  /** Also of documents that the cache has let go. */
  readonly #positions = new WeakMap<ViewDocument, readonly unknown[]>();

  readonly #records: (positions: readonly unknown[]) => PartPositions;

  /** @param records what `lastRecordsOf` says of a document with these positions */
  constructor({ keepDecoded = 0 }: Projection, records: (positions: readonly unknown[]) => PartPositions) {
    this.#known = new BoundedMap(keepDecoded);
    this.#records = records;
  }

  /** The document that was decoded last, if `changed` was not called for it since. */
  newest(id: string): ViewDocument | undefined {
    return this.#known.get(id)?.document;
  }
  /** Call it for each change before it can be read, where `newest` is used. */
  changed(ids: Iterable<string>): void {
    for (const id of ids) this.#known.delete(id);
  }
  /** Whether no call of `changed` is needed, as for all views that keep nothing. */
  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** The document that a read found in the store at most `withinMs` ago. */
  seenWithin(id: string, withinMs: number): ViewDocument | undefined {
    const known = this.#known.get(id);
    return known !== undefined && performance.now() - known.at <= withinMs ? known.document : undefined;
  }
  /** The store had this document unchanged. `at`: before it was asked. */
  seen(id: string, document: ViewDocument, at: number): void {
    const known = this.#known.get(id);
    if (known?.document === document) known.at = Math.max(known.at, at);
  }
  /** The positions of a document that `of` gave; undefined for any other document. */
  positionsOf(document: ViewDocument): readonly unknown[] | undefined {
    return this.#positions.get(document);
  }

  /**
   * @param looked called with whether the cache has the document
   * @param at before the store was asked, ms of `performance.now`
   */
  of(
    id: string,
    positions: readonly unknown[],
    decode: () => ViewDocument | undefined,
    looked: ((kept: boolean) => void) | undefined,
    at = 0,
  ): ViewDocument | undefined {
    const known = this.#known.get(id);
    const kept = known !== undefined && known.positions.every((position, i) => position === positions[i]);
    looked?.(kept);
    if (kept) {
      known.at = Math.max(known.at, at);
      return known.document;
    }
    this.#known.delete(id);
    const document = decode();
    if (document === undefined) return undefined;
    this.#known.set(id, { positions, document, at });
    this.#positions.set(document, positions);
    RECORDS.set(document, () => this.#records(positions));
    return document;
  }
}
