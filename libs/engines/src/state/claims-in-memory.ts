import { BoundedMap } from '@provider-access/kernel';
import type { BridgingClaims, ClaimEntry } from './port.ts';

/** A claim may be forgotten after so many newer ones of its namespace. */
export const MOST_BRIDGING = 16_384;

interface Held {
  readonly owner: string;
  readonly expires: number;
}

/**
 * Claims of a process that alone uses its store. Each garbage collection visits all of them. So a claim is no more than
 * its key, and what claims of one call have in common is one object.
 */
export class ClaimsInMemory implements BridgingClaims {
  readonly #now: () => number;
  readonly #namespaces = new Map<string, BoundedMap<string, Held>>();

  /** @param now ms since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  async claimMany(namespace: string, entries: readonly ClaimEntry[]): Promise<readonly string[]> {
    const now = this.#now();
    const claims = this.#claims(namespace);
    const made = new Map<string, Held>();
    return entries.map(({ key, owner, expiresAt = Infinity }) => {
      const id = key.toWellFormed();
      const held = claims.get(id);
      if (held !== undefined && held.expires > now && held.owner !== owner) return held.owner;
      const same = made.get(owner);
      const mine = same?.expires === expiresAt ? same : { owner, expires: expiresAt };
      made.set(owner, mine);
      claims.set(id, mine);
      return owner;
    });
  }

  async get(namespace: string, key: string): Promise<string | undefined> {
    return this.#held(namespace, key.toWellFormed());
  }

  async release(namespace: string, key: string, owner: string): Promise<boolean> {
    const id = key.toWellFormed();
    return this.#held(namespace, id) === owner && this.#claims(namespace).delete(id);
  }

  #claims(namespace: string): BoundedMap<string, Held> {
    let claims = this.#namespaces.get(namespace);
    if (claims === undefined) this.#namespaces.set(namespace, (claims = new BoundedMap(MOST_BRIDGING)));
    return claims;
  }

  #held(namespace: string, id: string): string | undefined {
    const held = this.#claims(namespace).get(id);
    return held !== undefined && held.expires > this.#now() ? held.owner : undefined;
  }
}
