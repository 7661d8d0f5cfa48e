import { BoundedMap } from '@provider-access/kernel';
import { idOf } from './engine.ts';
import type { BridgingClaims, ClaimEntry } from './port.ts';

/** A claim may be forgotten after so many newer ones. */
export const MOST_BRIDGING = 16_384;

/** Claims of a process that alone uses its store. */
export class ClaimsInMemory implements BridgingClaims {
  readonly #now: () => number;
  readonly #claims = new BoundedMap<string, { readonly owner: string; readonly expires: number }>(MOST_BRIDGING);

  /** @param now ms since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  async claimMany(namespace: string, entries: readonly ClaimEntry[]): Promise<readonly string[]> {
    const now = this.#now();
    return entries.map(({ key, owner, expiresAt = Infinity }) => {
      const id = idOf(namespace, key);
      const held = this.#claims.get(id);
      if (held !== undefined && held.expires > now && held.owner !== owner) return held.owner;
      this.#claims.set(id, { owner, expires: expiresAt });
      return owner;
    });
  }

  async get(namespace: string, key: string): Promise<string | undefined> {
    return this.#held(idOf(namespace, key));
  }

  async release(namespace: string, key: string, owner: string): Promise<boolean> {
    const id = idOf(namespace, key);
    return this.#held(id) === owner && this.#claims.delete(id);
  }

  #held(id: string): string | undefined {
    const held = this.#claims.get(id);
    return held !== undefined && held.expires > this.#now() ? held.owner : undefined;
  }
}
