import type { Collection, UpdateFilter } from 'mongodb';
import type { Builds } from '../store.ts';
import { isDuplicate } from './faults.ts';
import type { Calls } from './faults.ts';

/** What is known of a view, one document each in collection `views`. Each change of it is one conditional update. */
export interface Registered {
  readonly _id: string;
  readonly definition: string;
  readonly live: number;
  /** The highest build number ever given. */
  readonly last: number;
  readonly building?: number;
  readonly previous?: number;
  readonly keepUntil?: number;
  /** When `live` was swapped in, ms since the epoch. */
  readonly swappedAt?: number;
  readonly lease?: { readonly holder: string; readonly until: number };
  /** The live build whose checkpoints stand still while its successor is swapped in. */
  readonly sealed?: number;
  /** The live build that is about to be replaced: until it is, nobody goes by what they remember. */
  readonly ending?: number;
}

const ends = (entry: Registered | undefined): boolean => entry?.ending !== undefined && entry.ending === entry.live;

export const buildsOf = (r: Registered): Builds => ({
  live: r.live,
  ...(r.building !== undefined && { building: r.building }),
  ...(r.previous !== undefined && { previous: r.previous }),
  ...(r.keepUntil !== undefined && { keepUntil: r.keepUntil }),
});

export interface LookedUp { readonly entry: Registered | undefined; /** `performance.now()` before the question. */ readonly at: number }

/**
 * Remembered for a short time. A build that replaces another knows at once what comes next, and the replaced one never: so before a swap it is
 * said that the live build ends, and once everybody's memory is older than that, each read asks which build is live.
 */
export class Registry {
  readonly #collection: Collection<Registered>;
  readonly #ttlMs: number;
  readonly #calls: Calls;
  readonly #known = new Map<string, LookedUp>();
  readonly #asking = new Map<string, Promise<LookedUp>>();

  constructor(collection: Collection<Registered>, ttlMs: number, calls: Calls) {
    this.#collection = collection;
    this.#ttlMs = ttlMs;
    this.#calls = calls;
  }

  /** What was said last, however long ago. */
  remembered(view: string): LookedUp | undefined {
    return this.#known.get(view);
  }

  async lookup(view: string): Promise<LookedUp> {
    const began = performance.now();
    const known = this.#known.get(view);
    if (known?.entry !== undefined && began - known.at < this.#ttlMs && !ends(known.entry)) return known;
    let asking = this.#asking.get(view);
    if (asking === undefined) this.#asking.set(view, (asking = this.fresh(view).finally(() => this.#asking.delete(view))));
    const answer = await asking;
    return answer.at < began && ends(answer.entry) ? this.fresh(view) : answer;
  }

  async fresh(view: string): Promise<LookedUp> {
    const at = performance.now();
    const entry = (await this.#calls.asking(view, () => this.#collection.findOne({ _id: view }))) ?? undefined;
    const answer = { entry, at };
    const known = this.#known.get(view);
    if (known === undefined || known.at < at) this.#known.set(view, answer);
    return answer;
  }

  forget(view: string): void {
    this.#known.delete(view);
  }

  /** False when it is there already. */
  async insert(entry: Registered): Promise<boolean> {
    this.forget(entry._id);
    try {
      return await this.#calls.calling(entry._id, async () => {
        try {
          await this.#collection.insertOne(entry);
          return true;
        } catch (error) {
          if (isDuplicate(error)) return false;
          throw error;
        }
      });
    } finally {
      this.forget(entry._id);
    }
  }

  /** True when the entry was as the filter says and was changed. */
  async change(view: string, when: Readonly<Record<string, unknown>>, update: UpdateFilter<Registered>): Promise<boolean> {
    try {
      return (await this.#calls.calling(view, () => this.#collection.updateOne({ _id: view, ...when }, update))).matchedCount === 1;
    } finally {
      this.forget(view);
    }
  }
}
