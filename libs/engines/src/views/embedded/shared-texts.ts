import type { StatementSync } from 'node:sqlite';
import type { SharedTables } from './shared-tables.ts';

/** Places are from 1 to below this, in the order of their texts by UTF-8 bytes. All are integers in JSON and SQLite. */
export const PLACES = 2 ** 31;
/** The writer knows all shared texts, and a condition on a range may look at each of them. */
const MOST_TEXTS = 8192;
/** The greatest distance of a new first or last text from the next one, so that sorted texts find places, too. */
const STEP = 2 ** 24;
/** A text is shared from this document on. The writer counts the documents of so many other texts. */
const ENOUGH = 4;
const MOST_SEEN = 8192;

/** An element as the tables have it: the place of a shared text, or the text. */
export type Element = number | string;
type Prepare = (key: string, sql: () => string) => StatementSync;

/**
 * The shared texts of a build, for its writer. No document needs that a text is shared, so a text without a place stays
 * as it is. A text whose last document is removed is removed, too, because it may be protected data.
 */
export class SharedTexts {
  readonly #prepare: Prepare;
  readonly #tables: SharedTables;
  #places: Map<string, number> | undefined;
  readonly #seen = new Map<string, number>();
  /** Changes of the uses that are not yet in the table, by place. */
  readonly #changes = new Map<number, number>();

  constructor(prepare: Prepare, tables: SharedTables) {
    this.#prepare = prepare;
    this.#tables = tables;
  }

  /** The place of a shared text. */
  placeOf(text: string): number | undefined {
    return this.#known().get(text);
  }

  /** The element for one more document with the text. */
  use(text: string): Element {
    const place = this.placeOf(text) ?? this.#share(text);
    if (place === undefined) return text;
    this.#changes.set(place, (this.#changes.get(place) ?? 0) + 1);
    return place;
  }

  /** A document has the element no more. */
  release(element: Element): void {
    if (typeof element === 'number') this.#changes.set(element, (this.#changes.get(element) ?? 0) - 1);
  }

  /** Writes the uses. Call it at the end of each write, within its transaction. */
  flush(): void {
    const changes = [...this.#changes].filter(([, change]) => change !== 0);
    this.#changes.clear();
    if (changes.length === 0) return;
    const { uses, texts } = this.#tables;
    this.#prepare(
      'shared/uses',
      () =>
        `INSERT INTO ${uses} SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true ` +
        'ON CONFLICT (place) DO UPDATE SET documents = documents + excluded.documents',
    ).run(JSON.stringify(changes));
    const fewer = changes.flatMap(([place, change]) => (change < 0 ? [place] : []));
    if (fewer.length === 0) return;
    const gone = this.#prepare(
      'shared/unused',
      () => `DELETE FROM ${uses} WHERE place IN (SELECT value FROM json_each(?)) AND documents <= 0 RETURNING place`,
    ).all(JSON.stringify(fewer)) as unknown as readonly (readonly [number])[];
    for (const [place] of gone) {
      const [text] = this.#prepare(
        'shared/remove-text',
        () => `DELETE FROM ${texts} WHERE place = ? RETURNING text`,
      ).get(place) as unknown as readonly [string];
      this.#known().delete(text);
    }
  }

  /** Call it when a transaction was rolled back. */
  forget(): void {
    this.#places = undefined;
    this.#changes.clear();
  }

  #known(): Map<string, number> {
    if (this.#places === undefined) {
      const sql = `SELECT text, place FROM ${this.#tables.texts}`;
      this.#places = new Map(this.#prepare('shared/texts', () => sql).all() as unknown as readonly [string, number][]);
    }
    return this.#places;
  }

  #share(text: string): number | undefined {
    const known = this.#known();
    if (known.size >= MOST_TEXTS) return undefined;
    const seen = (this.#seen.get(text) ?? 0) + 1;
    if (seen < ENOUGH) {
      if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
      this.#seen.set(text, seen);
      return undefined;
    }
    this.#seen.delete(text);
    const place = this.#placeFor(text);
    if (place === undefined) return undefined;
    this.#prepare('shared/share', () => `INSERT INTO ${this.#tables.texts} VALUES (?, ?)`).run(place, text);
    known.set(text, place);
    return place;
  }

  /** A free place between the texts before and behind; undefined if there is none. */
  #placeFor(text: string): number | undefined {
    const { texts } = this.#tables;
    const [before, behind] = this.#prepare(
      'shared/neighbours',
      () => `SELECT (SELECT place FROM ${texts} WHERE text < ? ORDER BY text DESC LIMIT 1),
        (SELECT place FROM ${texts} WHERE text > ? ORDER BY text LIMIT 1)`,
    ).get(text, text) as unknown as readonly [number | null, number | null];
    const [low, high] = [before ?? 0, behind ?? PLACES];
    const middle = Math.floor((low + high) / 2);
    const place =
      before === null && behind !== null
        ? Math.max(middle, high - STEP)
        : behind === null && before !== null
          ? Math.min(middle, low + STEP)
          : middle;
    return place > low ? place : undefined;
  }
}
