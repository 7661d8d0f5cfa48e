/** A key of an object, and what is known of it. The place is a number for the use of the group. */
export interface Key<T> {
  readonly name: string;
  readonly known: T;
  readonly place: number;
  /** The key that came after this one in the object that was read last, and the one that did before. */
  next: Key<T>;
  before: Key<T>;
}

/** V8 compares keys of objects by their addresses, unless one of the texts that it compares is no key. */
const internalized = (name: string): string => Object.keys({ [name]: true })[0]!;

/** More keys than any structure has. A sender may choose names, so further ones are not kept. */
const MOST_KEYS = 500;

/**
 * The keys that objects of one structure have. Asking an object for each element costs much, most of all for elements
 * that it does not have. So a check passes once over the keys of the object, and each key knows which one comes next.
 */
export class Keys<T> {
  readonly #byName = new Map<string, Key<T>>();
  /** Of these keys alone: an object may have an empty key, and then the next key is noted here. */
  readonly #none: Key<T>;
  readonly #unknown: T;
  /** Comes before the first key of each object. */
  readonly start: Key<T>;

  /** @param unknown of a key that nothing is known of. Its place is -1 */
  constructor(unknown: T) {
    // No check asks for an empty key, so this one stands for none, and needs no check for undefined.
    const none = { name: '', known: unknown, place: -1 } as { -readonly [Name in keyof Key<T>]: Key<T>[Name] };
    none.next = none;
    none.before = none;
    this.#none = none;
    this.#unknown = unknown;
    this.start = this.#keyOf('', unknown, -1);
  }

  #keyOf(name: string, known: T, place: number): Key<T> {
    return { name, known, place, next: this.#none, before: this.#none };
  }

  get(name: string): Key<T> | undefined {
    return this.#byName.get(name);
  }
  set(name: string, known: T, place: number): void {
    this.#byName.set(name, this.#keyOf(internalized(name), known, place));
  }

  /** The key of a name that is not that of `last.next`. */
  after(last: Key<T>, name: string): Key<T> {
    let key = last.before.name === name ? last.before : this.#byName.get(name);
    if (key === undefined) {
      key = this.#keyOf(name, this.#unknown, -1);
      if (this.#byName.size < MOST_KEYS) this.#byName.set(name, key);
    }
    last.before = last.next;
    last.next = key;
    return key;
  }
}
