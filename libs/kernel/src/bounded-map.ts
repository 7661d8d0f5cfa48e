/** A cache of at most `max` entries. When it is full, a new entry replaces the entry that was set longest ago. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;
  /**
   * Gives the next oldest key while each new entry replaces one. A new iterator would first pass all entries that V8
   * has deleted and not removed yet. An iterator that nobody asks again would keep the tables that V8 has replaced.
   */
  #oldest: MapIterator<K> | undefined;
  constructor(max: number) {
    super();
    this.#max = max;
  }
  /** Sets an entry. An entry that is set again is the newest one. */
  override set(key: K, value: V): this {
    this.delete(key);
    if (this.size < this.#max) this.#oldest = undefined;
    else this.delete((this.#oldest ??= this.keys()).next().value!);
    return super.set(key, value);
  }
}
