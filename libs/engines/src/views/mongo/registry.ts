import type { Collection, Db, UpdateFilter } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';
import { isDuplicate } from '../../mongo/faults.ts';
import type { Change, Registered } from '../view-store.ts';
import type { Calls } from './faults.ts';

/** A document of the collection `views`. Each change is one conditional update. */
type Stored = Registered & { readonly _id: string };

const FIELDS = [
  'definition',
  'live',
  'last',
  'building',
  'previous',
  'keepUntil',
  'swappedAt',
  'lease',
  'sealed',
  'ending',
] as const satisfies readonly (keyof Registered)[];
/** More collisions than processes have is no race. */
const ATTEMPTS = 20;

const ends = (entry: Registered | undefined): boolean => entry?.ending !== undefined && entry.ending === entry.live;

interface LookedUp {
  readonly entry: Registered | undefined;
  /** `performance.now()` before the query. */
  readonly at: number;
}

interface Asking {
  readonly views: ReadonlySet<string>;
  readonly answers: Promise<ReadonlyMap<string, LookedUp>>;
}
/** A view that nobody looked up for this time is not asked for with others, ms. */
const IN_USE_MS = 10_000;

/**
 * Caches answers of the registry for a short time. A process with a cached answer would not notice a swap. So the
 * builder first announces that the live build ends. Once all answers from before the announcement have expired, each
 * read asks which build is live.
 */
export class Registry {
  readonly #collection: Collection<Stored>;
  readonly #ttlMs: number;
  readonly #calls: Calls;
  readonly #known = new Map<string, LookedUp>();
  /** When each view was last looked up after its answer had expired. */
  readonly #used = new Map<string, number>();
  #asking: Asking | undefined;

  constructor(db: Db, ttlMs: number, calls: Calls) {
    this.#collection = db.collection<Stored>('views');
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
    this.#used.set(view, began);
    let asking = this.#asking;
    if (asking === undefined || !asking.views.has(view)) asking = this.#askAll(view, began);
    const answer = (await asking.answers).get(view)!;
    return answer.at < began && ends(answer.entry) ? this.fresh(view) : answer;
  }

  /** One query for every view that this process reads, so that their number does not count. */
  #askAll(view: string, at: number): Asking {
    for (const [name, used] of this.#used) if (at - used > IN_USE_MS) this.#used.delete(name);
    const views = new Set(this.#used.keys());
    const answers = this.#calls
      .asking(view, () => this.#collection.find({ _id: { $in: [...views] } }).toArray())
      .then((found) => {
        const entries = new Map(found.map((entry) => [entry._id, entry]));
        return new Map([...views].map((name) => [name, this.#learn(name, { entry: entries.get(name), at })]));
      });
    const asking = { views, answers };
    this.#asking = asking;
    const done = (): void => void (this.#asking === asking && (this.#asking = undefined));
    answers.then(done, done);
    return asking;
  }

  async fresh(view: string): Promise<LookedUp> {
    const at = performance.now();
    const entry = (await this.#calls.asking(view, () => this.#collection.findOne({ _id: view }))) ?? undefined;
    return this.#learn(view, { entry, at });
  }

  #learn(view: string, answer: LookedUp): LookedUp {
    const known = this.#known.get(view);
    if (known === undefined || known.at < answer.at) this.#known.set(view, answer);
    return answer;
  }

  /** Does nothing if the entry exists. */
  async insert(entry: Stored): Promise<void> {
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

  /** The entry before and after, or undefined if `change` does not allow it. */
  async change(
    view: string,
    change: Change,
  ): Promise<{ readonly before: Registered; readonly after: Registered } | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { entry: before } = await this.fresh(view);
      const after = before && change(before);
      if (after === undefined) return undefined;
      if (await this.#replace(view, before!, after)) return { before: before!, after };
    }
    throw new EngineUnavailable(`${view}: the registry keeps changing`);
  }

  async #replace(view: string, before: Registered, after: Registered): Promise<boolean> {
    const when = FIELDS.map((field) => [field, before[field] ?? { $exists: false }] as const);
    const set = FIELDS.flatMap((field) => (after[field] === undefined ? [] : [[field, after[field]] as const]));
    const unset = FIELDS.flatMap((field) => (after[field] === undefined ? [[field, ''] as const] : []));
    const update = { $set: Object.fromEntries(set), $unset: Object.fromEntries(unset) } as UpdateFilter<Stored>;
    try {
      const { matchedCount } = await this.#calls.calling(view, () =>
        this.#collection.updateOne({ _id: view, ...Object.fromEntries(when) }, update),
      );
      return matchedCount === 1;
    } finally {
      this.#known.delete(view);
    }
  }
}
