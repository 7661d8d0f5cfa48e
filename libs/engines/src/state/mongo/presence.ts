import type { Collection, Db } from 'mongodb';
import type { Presence, Present } from '../port.ts';
import { guarded, idOf, repeated } from './client.ts';
import { tidyAt } from './clock.ts';
import type { ServerClock } from './clock.ts';

interface Announced {
  _id: string;
  group: string;
  holder: string;
  data: string;
  expires: number;
  tidyAt: Date;
}

export class MongoPresence implements Presence {
  readonly #present: Collection<Announced>;
  readonly #clock: ServerClock;

  constructor(db: Db, clock: ServerClock) {
    this.#present = db.collection<Announced>('state_presence');
    this.#clock = clock;
  }

  async announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void> {
    await repeated(() => {
      const now = this.#clock.now();
      const document = {
        group,
        holder,
        data: JSON.stringify(data ?? null),
        expires: now + ttlMs,
        tidyAt: tidyAt(now + ttlMs, now),
      };
      return guarded(() => this.#present.updateOne({ _id: idOf(group, holder) }, { $set: document }, { upsert: true }));
    });
  }

  async list(group: string): Promise<readonly Present[]> {
    const found = await guarded(() =>
      this.#present
        .find({ group, expires: { $gt: this.#clock.now() } })
        .sort({ holder: 1 })
        .toArray(),
    );
    return found.map(({ holder, data, expires }) => ({
      holder,
      data: JSON.parse(data) as unknown,
      expiresAt: this.#clock.toCaller(expires),
    }));
  }

  async leave(group: string, holder: string): Promise<void> {
    await repeated(() => guarded(() => this.#present.deleteOne({ _id: idOf(group, holder) })));
  }
}
