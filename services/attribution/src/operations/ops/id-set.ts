import { createHash } from 'node:crypto';

/** Above this share of used places a table gets twice as many. */
const MOST_USED = 2 / 3;
const FIRST_PLACES = 1024;

/**
 * A set of millions of ids in 12 to 24 bytes each, where a Set of texts takes some 80. It keeps 53 bits of the SHA-256
 * of an id. Of a million ids, two have the same bits with a chance of 1 in 18,000; then the second one counts as seen.
 */
export class IdSet {
  #places = new Float64Array(FIRST_PLACES);
  #used = 0;

  get size(): number {
    return this.#used;
  }

  /** Whether the id is new. */
  add(id: string): boolean {
    const bytes = createHash('sha256').update(id).digest();
    // 0 is an empty place.
    const mark = bytes.readUIntBE(0, 6) * 32 + (bytes[6]! & 31) + 1;
    if (!this.#put(mark)) return false;
    if (++this.#used > this.#places.length * MOST_USED) this.#grow();
    return true;
  }

  #put(mark: number): boolean {
    const places = this.#places;
    for (let at = mark % places.length; ; at = (at + 1) % places.length) {
      if (places[at] === mark) return false;
      if (places[at] !== 0) continue;
      places[at] = mark;
      return true;
    }
  }
  #grow(): void {
    const old = this.#places;
    this.#places = new Float64Array(old.length * 2);
    for (const mark of old) if (mark !== 0) this.#put(mark);
  }
}
