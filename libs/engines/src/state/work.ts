import { idOf, type Item, OverEngine, type Where } from './engine.ts';
import type { Work, WorkItem } from './port.ts';

export class StoredWork extends OverEngine implements Work {
  /** One `take` at a time for each queue, because concurrent ones of a process would only compete for the same item. */
  readonly #taking = new Map<string, Promise<unknown>>();

  async put(queue: string, items: readonly { id: string; payload: unknown; notBefore?: number }[]): Promise<void> {
    // An item that exists stays as it is.
    await this.engine.insert(
      'work',
      items.map(({ id, payload, notBefore }) => ({
        _id: idOf(queue, id),
        queue,
        id,
        payload: JSON.stringify(payload ?? null),
        attempts: 0,
        holder: null,
        freeAt: notBefore === undefined ? 0 : this.engine.clock.toServer(notBefore),
        open: true,
      })),
    );
  }

  take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined> {
    const taken = (this.#taking.get(queue) ?? Promise.resolve()).then(() => this.#take(queue, holder, ttlMs));
    const settled = taken
      .catch(() => {})
      .finally(() => {
        if (this.#taking.get(queue) === settled) this.#taking.delete(queue);
      });
    this.#taking.set(queue, settled);
    return taken;
  }

  async #take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined> {
    const now = this.engine.clock.now();
    const { row } = await this.engine.update(
      'work',
      [
        {
          where: { queue, open: true, freeAt: { lte: now } },
          set: { holder, freeAt: now + ttlMs },
          add: { attempts: 1, fence: 1 },
        },
      ],
      { returns: true, order: 'seq' },
    );
    if (row === undefined) return undefined;
    const { id, payload, attempts, fence } = row;
    return { queue, id, payload: JSON.parse(payload) as unknown, attempts, fence: fence! };
  }

  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean> {
    return this.#change(item, { freeAt: this.engine.clock.now() + ttlMs });
  }

  done(item: WorkItem): Promise<boolean> {
    return this.#change(item, { open: false, holder: null, payload: 'null' });
  }

  release(item: WorkItem, notBefore: number): Promise<boolean> {
    return this.#change(item, { holder: null, freeAt: this.engine.clock.toServer(notBefore) });
  }

  async remove(queue: string, idPrefix: string): Promise<void> {
    const first = idOf(queue, idPrefix);
    await this.engine.delete('work', { _id: { gte: first, lt: `${first}\u{10FFFF}` } });
  }

  async count(queue: string): Promise<{ ready: number; leased: number }> {
    const [open, leased] = await Promise.all([
      this.engine.count('work', { queue, open: true }),
      this.engine.count('work', {
        queue,
        open: true,
        holder: { ne: null },
        freeAt: { gt: this.engine.clock.now() },
      }),
    ]);
    return { ready: Math.max(open - leased, 0), leased };
  }

  async ready(queues: readonly string[]): Promise<readonly string[]> {
    const isFree: Where<Item> = {
      queue: { in: queues },
      open: true,
      freeAt: { lte: this.engine.clock.now() },
    };
    return (await this.engine.scan('work', isFree, { distinct: 'queue' })).map(({ queue }) => queue);
  }

  /** A released item has no holder. Its fencing token is invalid, even before another holder takes the item. */
  async #change({ queue, id, fence }: WorkItem, set: Partial<Item>): Promise<boolean> {
    const isHeld = { _id: idOf(queue, id), fence, open: true, holder: { ne: null } };
    return (await this.engine.update('work', [{ where: isHeld, set }])).changed > 0;
  }
}
