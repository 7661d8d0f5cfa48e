import type { Collection, Db, UpdateFilter } from 'mongodb';
import { isDuplicate } from './faults.ts';
import type { Calls } from './faults.ts';

/** The state of a view, as a document of the collection `views`. Each change is one conditional update. */
export interface Registered {
  readonly _id: string;
  readonly definition: string;
  readonly live: number;
  /** The highest build number so far. */
  readonly last: number;
  readonly building?: number;
  readonly previous?: number;
  readonly keepUntil?: number;
  /** When `live` was swapped in, ms since the epoch. */
  readonly swappedAt?: number;
  readonly lease?: { readonly holder: string; readonly until: number };
  /** The sealed live build, whose checkpoints do not move while its successor is swapped in. */
  readonly sealed?: number;
  /** The live build that will be replaced. Until the swap no process uses a cached answer. */
  readonly ending?: number;
}

const ends = (entry: Registered | undefined): boolean => entry?.ending !== undefined && entry.ending === entry.live;

interface LookedUp {
  readonly entry: Registered | undefined;
  /** `performance.now()` before the query. */
  readonly at: number;
}

/**
 * Caches answers of the registry for a short time. A process with a cached answer would not notice a swap. So the
 * builder first announces that the live build ends. Once all answers from before the announcement have expired, each
 * read asks which build is live.
 */
export class Registry {
  readonly #collection: Collection<Registered>;
  readonly #ttlMs: number;
  readonly #calls: Calls;
  readonly #known = new Map<string, LookedUp>();
  readonly #asking = new Map<string, Promise<LookedUp>>();

  constructor(db: Db, ttlMs: number, calls: Calls) {
    this.#collection = db.collection<Registered>('views');
    this.#ttlMs = ttlMs;
    this.#calls = calls;
  }

  /** The cached answer, of any age. */
  remembered(view: string): LookedUp | undefined {
    return this.#known.get(view);
  }

  async lookup(view: string): Promise<LookedUp> {
    const began = performance.now();
    const known = this.#known.get(view);
    if (known?.entry !== undefined && began - known.at < this.#ttlMs && !ends(known.entry)) return known;
    let asking = this.#asking.get(view);
    if (asking === undefined)
      this.#asking.set(view, (asking = this.fresh(view).finally(() => this.#asking.delete(view))));
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

  /** Does nothing if the entry exists. */
  async insert(entry: Registered): Promise<void> {
    try {
      await this.#calls.calling(entry._id, () =>
        this.#collection.insertOne(entry).catch((error: unknown) => {
          if (!isDuplicate(error)) throw error;
        }),
      );
    } finally {
      this.#known.delete(entry._id);
    }
  }

  /** Returns whether the entry matched the filter and was changed. */
  async change(
    view: string,
    when: Readonly<Record<string, unknown>>,
    update: UpdateFilter<Registered>,
  ): Promise<boolean> {
    try {
      return (
        (await this.#calls.calling(view, () => this.#collection.updateOne({ _id: view, ...when }, update)))
          .matchedCount === 1
      );
    } finally {
      this.#known.delete(view);
    }
  }
}
