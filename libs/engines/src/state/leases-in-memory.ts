import type { Lease, Leases } from './port.ts';

/** Leases of a process that alone uses its store. */
export class LeasesInMemory implements Leases {
  readonly #now: () => number;
  readonly #held = new Map<string, Lease>();
  #token = 0;

  /** @param now ms since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    const now = this.#now();
    const held = this.#held.get(name);
    if (held !== undefined && held.holder !== holder && held.expiresAt > now) return undefined;
    const lease = { name, holder, token: (this.#token += 1), expiresAt: now + ttlMs };
    this.#held.set(name, lease);
    return lease;
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    if (!this.#isHeld(lease)) return false;
    this.#held.set(lease.name, { ...lease, expiresAt: this.#now() + ttlMs });
    return true;
  }

  async release(lease: Lease): Promise<void> {
    if (this.#isHeld(lease)) this.#held.delete(lease.name);
  }

  #isHeld({ name, holder, token }: Lease): boolean {
    const held = this.#held.get(name);
    return held?.token === token && held.holder === holder;
  }
}
