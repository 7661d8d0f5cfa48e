/** Leases on builds, in the memory of the only process that writes the store. */
export class Leases {
  readonly #held = new Map<string, { readonly holder: string; readonly until: number }>();
  readonly #now: () => number;

  /** @param now ms, of a clock that does not step back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  take(key: string, holder: string, ttlMs: number): boolean {
    const held = this.#held.get(key);
    const now = this.#now();
    if (held !== undefined && held.holder !== holder && held.until > now) return false;
    this.#held.set(key, { holder, until: now + ttlMs });
    return true;
  }

  isHeld(key: string): boolean {
    return (this.#held.get(key)?.until ?? Number.NEGATIVE_INFINITY) > this.#now();
  }

  release(key: string, holder: string): void {
    if (this.#held.get(key)?.holder === holder) this.#held.delete(key);
  }
}
