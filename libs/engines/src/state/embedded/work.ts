import type { Work, WorkItem } from '../port.ts';
import { EmbeddedPart } from './database.ts';

/** Work items. A done item stays until `remove`, so that a second `put` does not repeat it. */
export class EmbeddedWork extends EmbeddedPart implements Work {
  async put(queue: string, items: readonly { id: string; payload: unknown; notBefore?: number }[]): Promise<void> {
    await this.db.change(() => {
      for (const { id, payload, notBefore } of items) {
        this.db.run(
          'INSERT INTO work (queue, id, payload, attempts, fence, holder, leased_until, not_before, done) VALUES ' +
            '(?, ?, ?, 0, 0, NULL, 0, ?, 0) ON CONFLICT (queue, id) DO NOTHING',
          queue,
          id,
          JSON.stringify(payload ?? null),
          notBefore ?? 0,
        );
      }
    });
  }

  take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined> {
    return this.db.change(() => {
      const now = this.now();
      const row = this.db.get<{ seq: number; id: string; payload: string; attempts: number }>(
        'SELECT seq, id, payload, attempts FROM work WHERE queue = ? AND done = 0 AND not_before <= ? AND ' +
          'leased_until <= ? ORDER BY seq LIMIT 1',
        queue,
        now,
        now,
      );
      if (row === undefined) return undefined;
      // One sequence for all items, so that an item that was removed and put again also gets a new fencing token.
      const fence = this.db.get<{ value: number }>('UPDATE fences SET value = value + 1 RETURNING value')!.value;
      const item: WorkItem = { queue, id: row.id, payload: JSON.parse(row.payload), attempts: row.attempts + 1, fence };
      this.db.run(
        'UPDATE work SET attempts = ?, fence = ?, holder = ?, leased_until = ? WHERE seq = ?',
        item.attempts,
        item.fence,
        holder,
        now + ttlMs,
        row.seq,
      );
      return item;
    });
  }

  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean> {
    return this.#owned(item, 'leased_until = ?', this.now() + ttlMs);
  }

  done(item: WorkItem): Promise<boolean> {
    return this.#owned(item, "done = 1, payload = 'null', holder = ?", null);
  }

  release(item: WorkItem, notBefore: number): Promise<boolean> {
    return this.#owned(item, 'holder = NULL, leased_until = 0, not_before = ?', notBefore);
  }

  async remove(queue: string, idPrefix: string): Promise<void> {
    await this.db.change(() =>
      this.db.run('DELETE FROM work WHERE queue = ? AND substr(id, 1, ?) = ?', queue, [...idPrefix].length, idPrefix),
    );
  }

  async count(queue: string): Promise<{ ready: number; leased: number }> {
    const now = this.now();
    const row = this.db.get<{ open: number; leased: number }>(
      'SELECT count(*) AS open, coalesce(sum(leased_until > ?), 0) AS leased FROM work WHERE queue = ? AND done = 0',
      now,
      queue,
    )!;
    return { ready: row.open - row.leased, leased: row.leased };
  }

  async ready(queues: readonly string[]): Promise<readonly string[]> {
    const now = this.now();
    return queues.filter(
      (queue) =>
        this.db.get(
          'SELECT 1 FROM work WHERE queue = ? AND done = 0 AND not_before <= ? AND leased_until <= ? LIMIT 1',
          queue,
          now,
          now,
        ) !== undefined,
    );
  }

  /** A released item has no holder. Its fencing token is invalid, even before another holder takes the item. */
  #owned(item: WorkItem, set: string, value: number | null): Promise<boolean> {
    return this.db.change(
      () =>
        this.db.run(
          `UPDATE work SET ${set} WHERE queue = ? AND id = ? AND fence = ? AND done = 0 AND holder IS NOT NULL`,
          value,
          item.queue,
          item.id,
          item.fence,
        ) > 0,
    );
  }
}
