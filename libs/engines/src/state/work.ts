import { idOf, type Item, type Lane, OverEngine, type Where } from './engine.ts';
import type { NewItem, Work, WorkItem } from './port.ts';

interface Taken {
  readonly item: WorkItem;
  /** If it fails, the app is served once more than others. */
  readonly served: Promise<void>;
}

/** `lookAt` of a lane without open items. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Each app has a lane in each queue. `take` serves the lane that was served longest ago, and numbers the service from a
 * sequence of the queue, so that all processes agree on the order (ADR 0111).
 */
export class StoredWork extends OverEngine implements Work {
  /** One `take` at a time for each queue, because concurrent ones of a process would only compete for the same item. */
  readonly #taking = new Map<string, Promise<unknown>>();

  /** Queues in which this process has looked for items of an earlier release. */
  readonly #looked = new Set<string>();

  async put(queue: string, items: readonly NewItem[]): Promise<void> {
    // An item that exists stays as it is.
    await this.engine.insert(
      'work',
      items.map(({ id, app, payload, notBefore }) => ({
        _id: idOf(queue, id),
        queue,
        id,
        app: app || null,
        payload: JSON.stringify(payload ?? null),
        attempts: 0,
        holder: null,
        freeAt: notBefore === undefined ? 0 : this.engine.clock.toServer(notBefore),
        open: true,
      })),
    );
    // After the items: a process that dies in between puts them again, because it has not committed their cause.
    for (const app of new Set(items.map(({ app = '' }) => app))) await this.#wake(queue, app);
  }

  take(queue: string, holder: string, ttlMs: number): Promise<WorkItem | undefined> {
    const taken = (this.#taking.get(queue) ?? Promise.resolve()).then(() => this.#take(queue, holder, ttlMs));
    // The holder need not wait until the service is numbered, but the next `take` must.
    const settled = taken
      .then((found) => found?.served)
      .catch(() => {})
      .finally(() => {
        if (this.#taking.get(queue) === settled) this.#taking.delete(queue);
      });
    this.#taking.set(queue, settled);
    return taken.then((found) => found?.item);
  }

  async #take(queue: string, holder: string, ttlMs: number): Promise<Taken | undefined> {
    if (!this.#looked.has(queue)) await this.#wake(queue, '');
    this.#looked.add(queue);
    for (;;) {
      const now = this.engine.clock.now();
      const isReady: Where<Lane> = { queue, lookAt: { lte: now } };
      const [lane] = await this.engine.scan('lanes', isReady, { order: 'turn', limit: 1 });
      if (lane === undefined) return undefined;
      const app = lane.app || null;
      const { row } = await this.engine.update(
        'work',
        [
          {
            where: { queue, app, open: true, freeAt: { lte: now } },
            set: { holder, freeAt: now + ttlMs },
            add: { attempts: 1, fence: 1 },
          },
        ],
        { returns: true, order: 'seq' },
      );
      if (row === undefined) {
        await this.#rest(lane, now);
        continue;
      }
      const { id, payload, attempts, fence } = row;
      const own = { queue, id, payload: JSON.parse(payload) as unknown, attempts, fence: fence! };
      return { item: app === null ? own : { ...own, app }, served: this.#served(lane) };
    }
  }

  /** Lets `take` look into the lane of an app, because it may have a free item now. */
  async #wake(queue: string, app: string): Promise<void> {
    const _id = idOf(queue, app);
    const change = { where: { _id }, set: { lookAt: 0 }, add: { version: 1 } };
    if ((await this.engine.update('lanes', [change])).changed > 0) return;
    // A new app is last. Every other app with free items is served once before it.
    const lane = { _id, queue, app, turn: await this.#nextTurn(queue), lookAt: 0, version: 0 };
    if ((await this.engine.insert('lanes', [lane])).size > 0) await this.engine.update('lanes', [change]);
  }

  /** Leaves a lane without a free item out until its next item is free. */
  async #rest({ _id, queue, app, version }: Lane, now: number): Promise<void> {
    const isOpen: Where<Item> = { queue, app: app || null, open: true };
    const [next] = await this.engine.scan('work', isOpen, { order: 'freeAt', limit: 1, fields: ['freeAt'] });
    const lookAt = next?.freeAt ?? NEVER;
    if (lookAt > now) await this.engine.update('lanes', [{ where: { _id, version }, set: { lookAt } }]);
  }

  async #served({ _id, queue }: Lane): Promise<void> {
    const turn = await this.#nextTurn(queue);
    await this.engine.update('lanes', [{ where: { _id, turn: { lt: turn } }, set: { turn } }]);
  }

  /** The sequence of a queue is a row of no queue, which `take` does not find. */
  async #nextTurn(queue: string): Promise<number> {
    const _id = idOf('', queue);
    for (;;) {
      const { row } = await this.engine.update('lanes', [{ where: { _id }, add: { turn: 1 } }], { returns: true });
      if (row !== undefined) return row.turn;
      await this.engine.insert('lanes', [{ _id, queue: '', app: queue, turn: 0, lookAt: NEVER, version: 0 }]);
    }
  }

  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean> {
    return this.#change(item, { freeAt: this.engine.clock.now() + ttlMs });
  }

  done(item: WorkItem): Promise<boolean> {
    return this.#change(item, { open: false, holder: null, payload: 'null' });
  }

  async release(item: WorkItem, notBefore: number): Promise<boolean> {
    const released = await this.#change(item, { holder: null, freeAt: this.engine.clock.toServer(notBefore) });
    if (released) await this.#wake(item.queue, item.app ?? '');
    return released;
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
    const ready = (await this.engine.scan('work', isFree, { distinct: 'queue' })).map(({ queue }) => queue);
    if (ready.length > 0) await this.#wakeOlder(ready);
    return ready;
  }

  /**
   * Processes of an earlier release put items without an app, and know no lanes.
   * @until 0.4.0
   */
  async #wakeOlder(queues: readonly string[]): Promise<void> {
    const isOlder: Where<Item> = {
      queue: { in: queues },
      app: null,
      open: true,
      freeAt: { lte: this.engine.clock.now() },
    };
    const found = await this.engine.scan('work', isOlder, { distinct: 'queue' });
    for (const { queue } of found) await this.#wake(queue, '');
  }

  /** A released item has no holder. Its fencing token is invalid, even before another holder takes the item. */
  async #change({ queue, id, fence }: WorkItem, set: Partial<Item>): Promise<boolean> {
    const isHeld = { _id: idOf(queue, id), fence, open: true, holder: { ne: null } };
    return (await this.engine.update('work', [{ where: isHeld, set }])).changed > 0;
  }
}
