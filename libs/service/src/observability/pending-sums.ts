/** Most sets of labels that wait, because callers may invent values. */
const MOST = 500;

interface Sum {
  readonly labels: object | undefined;
  sum: number;
}
/** By the value of a label, then by that of the next one. */
type Level = Map<string | undefined, Level | Sum>;

/**
 * Sums for the series of an instrument, until it is read. The library sorts, joins and copies labels for each
 * increment, which a request does five times. Values of labels are constants, so a level for each label costs less than
 * a text of all of them.
 */
export class PendingSums {
  readonly #names: readonly string[];
  readonly #write: (labels: object | undefined, sum: number) => void;
  /** Without labels too, so that each instrument has a level. */
  readonly #first: Level = new Map();
  #sums: Sum[] = [];

  constructor(names: readonly string[], write: (labels: object | undefined, sum: number) => void) {
    this.#names = names.length === 0 ? [''] : names;
    this.#write = write;
  }

  add(labels: object | undefined, by: number): void {
    const known = this.#known(labels);
    if (known !== undefined) known.sum += by;
    else this.#begin(labels, by);
  }

  #known(labels: object | undefined): Sum | undefined {
    let found: Level | Sum | undefined = this.#first;
    for (const name of this.#names) {
      found = (found as Level).get((labels as Record<string, string> | undefined)?.[name]);
      if (found === undefined) return undefined;
    }
    return found as Sum;
  }

  #begin(labels: object | undefined, sum: number): void {
    if (this.#sums.length >= MOST) this.flush();
    const begun = { labels, sum };
    this.#sums.push(begun);
    let level = this.#first;
    this.#names.forEach((name, n) => {
      const value = (labels as Record<string, string> | undefined)?.[name];
      if (n === this.#names.length - 1) return void level.set(value, begun);
      let next = level.get(value) as Level | undefined;
      if (next === undefined) level.set(value, (next = new Map()));
      level = next;
    });
  }

  /** Gives the sums to the instrument. Call it before the instrument is read or set. */
  flush(): void {
    for (const { labels, sum } of this.#sums) this.#write(labels, sum);
    this.#sums = [];
    this.#first.clear();
  }
}
