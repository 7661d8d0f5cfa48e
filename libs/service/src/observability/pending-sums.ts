/** Most sets of labels that wait, because callers may invent values. */
const MOST = 500;

/**
 * Sums for the series of an instrument, until it is read. The library sorts, joins and copies labels for each
 * increment, which a request does five times.
 */
export class PendingSums {
  readonly #names: readonly string[];
  readonly #write: (labels: object | undefined, sum: number) => void;
  readonly #sums = new Map<string, { readonly labels: object | undefined; sum: number }>();

  constructor(names: readonly string[], write: (labels: object | undefined, sum: number) => void) {
    this.#names = names;
    this.#write = write;
  }

  add(labels: object | undefined, by: number): void {
    let key = '';
    for (const name of this.#names) key += `${(labels as Record<string, string> | undefined)?.[name]}\n`;
    const known = this.#sums.get(key);
    if (known !== undefined) {
      known.sum += by;
      return;
    }
    if (this.#sums.size >= MOST) this.flush();
    this.#sums.set(key, { labels, sum: by });
  }

  /** Gives the sums to the instrument. Call it before the instrument is read or set. */
  flush(): void {
    for (const { labels, sum } of this.#sums.values()) this.#write(labels, sum);
    this.#sums.clear();
  }
}
