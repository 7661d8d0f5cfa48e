/** The first place in a sorted list that is not before `place`. */
function search(sorted: readonly number[], place: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The ids of apps in the order of registration, all of them or those of one kind, for example of one status. A page of
 * them costs what it shows, however many apps there are.
 */
export class ClientOrder {
  readonly #ids: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #kinds = new Map<string, readonly string[]>();
  /** Places by kind, sorted. */
  readonly #ofKind = new Map<string, number[]>();

  /** `kinds`: what the app is from now on. */
  set(id: string, kinds: readonly string[]): void {
    const place = this.#places.get(id) ?? this.#ids.push(id) - 1;
    this.#places.set(id, place);
    const before = this.#kinds.get(id) ?? [];
    this.#kinds.set(id, kinds);
    for (const kind of before) {
      const list = this.#ofKind.get(kind)!;
      if (!kinds.includes(kind)) list.splice(search(list, place), 1);
    }
    for (const kind of kinds) {
      const list = this.#ofKind.get(kind) ?? [];
      this.#ofKind.set(kind, list);
      if (!before.includes(kind)) list.splice(search(list, place), 0, place);
    }
  }
  has(id: string): boolean {
    return this.#places.has(id);
  }
  all(): readonly string[] {
    return this.#ids;
  }
  /** Those behind this id, from the first one without it. */
  *after(id: string | undefined, kind?: string): Generator<string> {
    const next = id === undefined ? 0 : this.#places.get(id)! + 1;
    const list = kind === undefined ? undefined : (this.#ofKind.get(kind) ?? []);
    const start = list === undefined ? next : search(list, next);
    const end = (list ?? this.#ids).length;
    for (let at = start; at < end; at++) yield this.#ids[list === undefined ? at : list[at]!]!;
  }
}
