import type { Presence, Present } from '../port.ts';
import { EmbeddedPart } from './database.ts';

/** One row for each holder. The next announcement of a group removes its expired rows. */
export class EmbeddedPresence extends EmbeddedPart implements Presence {
  async announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void> {
    await this.db.change(() => {
      const now = this.now();
      this.db.run('DELETE FROM presence WHERE grp = ? AND expires <= ?', group, now);
      this.db.run(
        'INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?)',
        group,
        holder,
        JSON.stringify(data ?? null),
        now + ttlMs,
      );
    });
  }

  async list(group: string): Promise<readonly Present[]> {
    const rows = this.db.all<{ holder: string; data: string; expires: number }>(
      'SELECT holder, data, expires FROM presence WHERE grp = ? AND expires > ? ORDER BY holder',
      group,
      this.now(),
    );
    return rows.map(({ holder, data, expires }) => ({ holder, data: JSON.parse(data) as unknown, expiresAt: expires }));
  }

  async leave(group: string, holder: string): Promise<void> {
    await this.db.change(() => this.db.run('DELETE FROM presence WHERE grp = ? AND holder = ?', group, holder));
  }
}
