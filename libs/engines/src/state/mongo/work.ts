import { randomUUID } from 'node:crypto';
import type { Collection, Db, Filter, UpdateFilter } from 'mongodb';
import type { Work, WorkItem } from '../port.ts';
import { duplicatesOf, guarded, idOf, repeated } from './client.ts';
import type { ServerClock } from './clock.ts';
import { nextNumbers } from './sequence.ts';

/**
 * `freeAt` is when the item may be taken, which is in the future while the item is delayed or leased. `fence` starts at
 * seq * 2^20 and grows by one with each holder. So an id that was removed and put again gets new fencing tokens.
 */
interface Item {
  _id: string;
  queue: string;
  id: string;
  seq: number;
  payload: string;
  attempts: number;
  fence: number;
  holder: string | null;
  freeAt: number;
  /** False when the item is done. */
  open: boolean;
  /** The id of the last call that took, finished or released the item. */
  op: string;
}

const FENCES_AN_ITEM = 2 ** 20;
const ITEMS_A_WRITE = 1000;

export class MongoWork implements Work {
  readonly #db: Db;
  readonly #items: Collection<Item>;
  readonly #clock: ServerClock;
  /** One `take` at a time for each queue, because concurrent ones of a process would only compete for the same item. */
  readonly #taking = new Map<string, Promise<unknown>>();

  constructor(db: Db, clock: ServerClock) {
    this.#db = db;
    this.#items = db.collection<Item>('state_work');
    this.#clock = clock;
  }

  async put(queue: string, items: readonly { id: string; payload: unknown; notBefore?: number }[]): Promise<void> {
    for (let from = 0; from < items.length; from += ITEMS_A_WRITE) {
      const some = items.slice(from, from + ITEMS_A_WRITE);
      const first = await nextNumbers(this.#db, 'work', some.length);
      const documents = some.map(({ id, payload, notBefore }, i): Item => ({
        _id: idOf(queue, id),
        queue,
        id,
        seq: first + i,
        payload: JSON.stringify(payload ?? null),
        attempts: 0,
        fence: (first + i) * FENCES_AN_ITEM,
        holder: null,
        freeAt: notBefore === undefined ? 0 : this.#clock.toServer(notBefore),
        open: true,
        op: '',
      }));
      await repeated(() =>
        guarded(async () => {
          try {
            await this.#items.insertMany(documents, { ordered: false });
          } catch (error) {
            duplicatesOf(error); // the item exists, perhaps by an earlier try of this call
          }
        }),
      );
    }
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
    const op = randomUUID();
    let attempt = 0;
    return repeated(async () => {
      const earlier =
        attempt++ === 0 ? null : await guarded(() => this.#items.findOne({ queue, open: true, holder, op }));
      const now = this.#clock.now();
      const item =
        earlier ??
        (await guarded(() =>
          this.#items.findOneAndUpdate(
            { queue, open: true, freeAt: { $lte: now } },
            { $set: { holder, freeAt: now + ttlMs, op }, $inc: { attempts: 1, fence: 1 } },
            { sort: { seq: 1 }, returnDocument: 'after' },
          ),
        ));
      return item === null
        ? undefined
        : {
            queue,
            id: item.id,
            payload: JSON.parse(item.payload) as unknown,
            attempts: item.attempts,
            fence: item.fence,
          };
    });
  }

  heartbeat(item: WorkItem, ttlMs: number): Promise<boolean> {
    return repeated(
      async () =>
        (await guarded(() => this.#items.updateOne(held(item), { $set: { freeAt: this.#clock.now() + ttlMs } })))
          .matchedCount > 0,
    );
  }

  done(item: WorkItem): Promise<boolean> {
    return this.#end(item, { open: false, holder: null, payload: 'null' });
  }

  /** A released item has no holder. Its fencing token is invalid, even before another holder takes the item. */
  release(item: WorkItem, notBefore: number): Promise<boolean> {
    return this.#end(item, { holder: null, freeAt: this.#clock.toServer(notBefore) });
  }

  async #end(item: WorkItem, set: Partial<Item>): Promise<boolean> {
    const op = randomUUID();
    const update: UpdateFilter<Item> = { $set: { ...set, op } };
    return repeated(async () => {
      if ((await guarded(() => this.#items.updateOne(held(item), update))).matchedCount > 0) return true;
      // The answer to an earlier successful attempt may have been lost.
      return (await guarded(() => this.#items.findOne({ _id: idOf(item.queue, item.id), op }))) !== null;
    });
  }

  async remove(queue: string, idPrefix: string): Promise<void> {
    const from = idOf(queue, idPrefix);
    await repeated(() => guarded(() => this.#items.deleteMany({ _id: { $gte: from, $lt: `${from}\u{10FFFF}` } })));
  }

  async count(queue: string): Promise<{ ready: number; leased: number }> {
    const leasedNow: Filter<Item> = { queue, open: true, holder: { $ne: null }, freeAt: { $gt: this.#clock.now() } };
    const [open, leased] = await guarded(() =>
      Promise.all([this.#items.countDocuments({ queue, open: true }), this.#items.countDocuments(leasedNow)]),
    );
    return { ready: Math.max(open - leased, 0), leased };
  }

  ready(queues: readonly string[]): Promise<readonly string[]> {
    return guarded(() =>
      this.#items.distinct('queue', { queue: { $in: [...queues] }, open: true, freeAt: { $lte: this.#clock.now() } }),
    );
  }
}

const held = ({ queue, id, fence }: WorkItem): Filter<Item> => ({
  _id: idOf(queue, id),
  fence,
  open: true,
  holder: { $ne: null },
});
