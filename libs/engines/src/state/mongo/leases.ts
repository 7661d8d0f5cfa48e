import type { Collection, Db } from 'mongodb';
import type { Counters, Lease, Leases } from '../port.ts';
import { guarded, isDuplicate, repeated } from './client.ts';
import { tidyAt } from './clock.ts';
import type { ServerClock } from './clock.ts';

/** A lease. The document is never deleted, so its fencing token only grows. */
interface Held {
  _id: string;
  holder: string | null;
  token: number;
  expires: number;
}

export class MongoLeases implements Leases {
  readonly #leases: Collection<Held>;
  readonly #clock: ServerClock;

  constructor(db: Db, clock: ServerClock) {
    this.#leases = db.collection<Held>('state_leases');
    this.#clock = clock;
  }

  /** A repetition returns a new token to the same holder, because nobody has seen the former one. */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    return repeated(async () => {
      const now = this.#clock.now();
      const free = { _id: name, $or: [{ holder: null }, { holder }, { expires: { $lte: now } }] };
      const held = await guarded(() =>
        this.#leases.findOneAndUpdate(
          free,
          { $set: { holder, expires: now + ttlMs }, $inc: { token: 1 } },
          { returnDocument: 'after' },
        ),
      );
      if (held !== null) return this.#lease(held);
      if ((await guarded(() => this.#leases.findOne({ _id: name }, { projection: { _id: 1 } }))) !== null)
        return undefined;
      const first: Held = { _id: name, holder, token: 1, expires: now + ttlMs };
      try {
        await guarded(() => this.#leases.insertOne(first), isDuplicate);
        return this.#lease(first);
      } catch (error) {
        if (isDuplicate(error)) return undefined; // another process was first
        throw error;
      }
    });
  }

  /** Checks the token and not the clock, because an expired lease that nobody took still belongs to its holder. */
  renew({ name, token, holder }: Lease, ttlMs: number): Promise<boolean> {
    return repeated(
      async () =>
        (
          await guarded(() =>
            this.#leases.updateOne({ _id: name, token, holder }, { $set: { expires: this.#clock.now() + ttlMs } }),
          )
        ).matchedCount > 0,
    );
  }

  async release({ name, token, holder }: Lease): Promise<void> {
    await repeated(() =>
      guarded(() => this.#leases.updateOne({ _id: name, token, holder }, { $set: { holder: null, expires: 0 } })),
    );
  }

  #lease({ _id, holder, token, expires }: Held): Lease {
    return { name: _id, holder: holder!, token, expiresAt: this.#clock.toCaller(expires) };
  }
}

interface Window {
  _id: string;
  count: number;
  resets: number;
  tidyAt: Date;
}

export class MongoCounters implements Counters {
  readonly #counters: Collection<Window>;
  readonly #clock: ServerClock;

  constructor(db: Db, clock: ServerClock) {
    this.#counters = db.collection<Window>('state_counters');
    this.#clock = clock;
  }

  async hit(name: string, windowMs: number, by = 1): Promise<{ count: number; resetsAt: number }> {
    for (;;) {
      const now = this.#clock.now();
      const open = await guarded(() =>
        this.#counters.findOneAndUpdate(
          { _id: name, resets: { $gt: now } },
          { $inc: { count: by } },
          { returnDocument: 'after' },
        ),
      );
      if (open !== null) return { count: open.count, resetsAt: this.#clock.toCaller(open.resets) };
      const resets = now + windowMs;
      try {
        await guarded(
          () =>
            this.#counters.updateOne(
              { _id: name, resets: { $lte: now } },
              { $set: { count: by, resets, tidyAt: tidyAt(resets, now) } },
              { upsert: true },
            ),
          isDuplicate,
        );
        return { count: by, resetsAt: this.#clock.toCaller(resets) };
      } catch (error) {
        if (!isDuplicate(error)) throw error; // another process opened the window meanwhile
      }
    }
  }
}
