import { type HeldLease, OverEngine } from './engine.ts';
import type { Counters, Lease, Leases } from './port.ts';

export class StoredLeases extends OverEngine implements Leases {
  /** A repetition returns a new token to the same holder, because nobody has seen the former one. */
  async acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    for (;;) {
      const now = this.engine.clock.now();
      const expires = now + ttlMs;
      const isFree = [{ holder: null }, { holder }, { expires: { lte: now } }];
      const { row } = await this.engine.update(
        'leases',
        [{ where: { _id: name, anyOf: isFree }, set: { holder, expires }, add: { token: 1 } }],
        { returns: true },
      );
      if (row !== undefined) return this.#lease(row);
      if ((await this.engine.scan('leases', { _id: name }, { fields: ['_id'] })).length > 0) return undefined;
      const first: HeldLease = { _id: name, holder, token: 1, expires };
      if ((await this.engine.insert('leases', [first])).size === 0) return this.#lease(first);
    }
  }

  /** Checks the token and not the clock, because an expired lease that nobody took still belongs to its holder. */
  renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return this.#change(lease, { expires: this.engine.clock.now() + ttlMs });
  }

  async release(lease: Lease): Promise<void> {
    await this.#change(lease, { holder: null, expires: 0 });
  }

  async #change({ name, token, holder }: Lease, set: Partial<HeldLease>): Promise<boolean> {
    return (await this.engine.update('leases', [{ where: { _id: name, token, holder }, set }])).changed > 0;
  }

  #lease({ _id, holder, token, expires }: HeldLease): Lease {
    return { name: _id, holder: holder!, token, expiresAt: this.engine.clock.toCaller(expires) };
  }
}

export class StoredCounters extends OverEngine implements Counters {
  async hit(name: string, windowMs: number, by = 1): Promise<{ count: number; resetsAt: number }> {
    const { clock } = this.engine;
    for (;;) {
      const now = clock.now();
      const { row } = await this.engine.update(
        'counters',
        [{ where: { _id: name, resets: { gt: now } }, add: { count: by } }],
        { returns: true },
      );
      if (row !== undefined) return { count: row.count, resetsAt: clock.toCaller(row.resets) };
      const first = { _id: name, count: by, resets: now + windowMs };
      if (await this.engine.put('counters', first, { resets: { lte: now } }))
        return { count: by, resetsAt: clock.toCaller(first.resets) }; // else another process opened the window
    }
  }
}
