import type { Counters, Lease, Leases } from '../port.ts';
import { EmbeddedPart } from './database.ts';

interface Row {
  holder: string | null;
  token: number;
  expires: number;
}

/** Leases. The row of a name is never deleted, so its fencing token only grows. */
export class EmbeddedLeases extends EmbeddedPart implements Leases {
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    return this.db.change(() => {
      const row = this.db.get<Row>('SELECT holder, token, expires FROM leases WHERE name = ?', name);
      const now = this.now();
      if (row !== undefined && row.holder !== null && row.holder !== holder && row.expires > now) return undefined;
      const lease: Lease = { name, holder, token: (row?.token ?? 0) + 1, expiresAt: now + ttlMs };
      this.db.run('INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)', name, holder, lease.token, lease.expiresAt);
      return lease;
    });
  }

  /** Checks the token and not the clock, because an expired lease that nobody took still belongs to its holder. */
  renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return this.db.change(
      () =>
        this.db.run(
          'UPDATE leases SET expires = ? WHERE name = ? AND token = ? AND holder = ?',
          this.now() + ttlMs,
          lease.name,
          lease.token,
          lease.holder,
        ) > 0,
    );
  }

  async release(lease: Lease): Promise<void> {
    await this.db.change(() =>
      this.db.run(
        'UPDATE leases SET holder = NULL, expires = 0 WHERE name = ? AND token = ? AND holder = ?',
        lease.name,
        lease.token,
        lease.holder,
      ),
    );
  }
}

/** Expired windows are removed once in so many hits, because their names contain addresses of callers. */
const PURGE_EVERY = 1000;

export class EmbeddedCounters extends EmbeddedPart implements Counters {
  #changes = 0;

  hit(name: string, windowMs: number, by = 1): Promise<{ count: number; resetsAt: number }> {
    return this.db.change(() => {
      if (this.#changes++ % PURGE_EVERY === 0) this.db.run('DELETE FROM counters WHERE resets <= ?', this.now());
      const row = this.db.get<{ count: number; resets: number }>(
        'SELECT count, resets FROM counters WHERE name = ?',
        name,
      );
      const now = this.now();
      const next =
        row !== undefined && row.resets > now
          ? { count: row.count + by, resetsAt: row.resets }
          : { count: by, resetsAt: now + windowMs };
      this.db.run('INSERT OR REPLACE INTO counters VALUES (?, ?, ?)', name, next.count, next.resetsAt);
      return next;
    });
  }
}
