/** Leases on builds, in the memory of the only process that writes the store. */
export class Leases {
  readonly #held = new Map<string, { readonly holder: string; readonly until: number }>();

  take(key: string, holder: string, ttlMs: number): boolean {
    const held = this.#held.get(key);
    const now = performance.now();
    if (held !== undefined && held.holder !== holder && held.until > now) return false;
    this.#held.set(key, { holder, until: now + ttlMs });
    return true;
  }

  release(key: string, holder: string): void {
    if (this.#held.get(key)?.holder === holder) this.#held.delete(key);
  }
}
