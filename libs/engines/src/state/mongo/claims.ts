import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation, Collection, Db } from 'mongodb';
import type { Claims } from '../port.ts';
import { duplicatesOf, guarded, idOf, isDuplicate, repeated } from './client.ts';
import { tidyAt } from './clock.ts';

const KEYS_A_WRITE = 200;

/** `expires` null means never. By `op`, the call that inserted the claim recognises it in a repetition. */
interface Claim {
  _id: string;
  owner: string;
  expires: number | null;
  op?: string;
  tidyAt?: Date;
}
interface Entry {
  readonly key: string;
  readonly owner: string;
  readonly expiresAt?: number;
}

/** One document for each claim, whose unique `_id` decides. Each key of a call is decided separately. */
export class MongoClaims implements Claims {
  readonly #claims: Collection<Claim>;
  readonly #now: () => number;

  constructor(db: Db, now: () => number) {
    this.#claims = db.collection<Claim>('state_claims');
    this.#now = now;
  }

  async claim(namespace: string, key: string, owner: string, expiresAt?: number): Promise<string> {
    return (await this.#decide(namespace, [{ key, owner, ...(expiresAt !== undefined && { expiresAt }) }]))[0]!;
  }

  async claimMany(namespace: string, entries: readonly Entry[]): Promise<readonly string[]> {
    const owners: string[] = [];
    let rest = entries.map((entry, at) => ({ entry, at }));
    while (rest.length > 0) {
      // a duplicate key is decided in a later round
      const seen = new Set<string>();
      const round = rest.filter(({ entry }) => !seen.has(entry.key) && seen.add(entry.key));
      const decided = await this.#decide(
        namespace,
        round.map((r) => r.entry),
      );
      round.forEach(({ at }, i) => (owners[at] = decided[i]!));
      rest = rest.filter((r) => !round.includes(r));
    }
    return owners;
  }

  insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean> {
    const _id = idOf(namespace, key);
    const op = randomUUID();
    return repeated(async () => {
      for (;;) {
        const now = this.#now();
        const claim = { owner: '', expires: expiresAt, op, tidyAt: tidyAt(expiresAt, now) };
        try {
          await guarded(() => this.#claims.insertOne({ _id, ...claim }), isDuplicate);
          return true;
        } catch (error) {
          if (!isDuplicate(error)) throw error;
        }
        const replaced = await guarded(() =>
          this.#claims.updateOne({ _id, expires: { $lte: now }, op: { $ne: op } }, { $set: claim }),
        );
        if (replaced.matchedCount > 0) return true;
        const there = await guarded(() => this.#claims.findOne({ _id }));
        if (there !== null) return there.op === op;
      }
    });
  }

  async get(namespace: string, key: string): Promise<string | undefined> {
    const found = await guarded(() => this.#claims.findOne({ _id: idOf(namespace, key) }));
    return found !== null && this.#live(found, this.#now()) ? found.owner : undefined;
  }

  async release(namespace: string, key: string, owner: string): Promise<boolean> {
    const live = { $or: [{ expires: null }, { expires: { $gt: this.#now() } }] };
    return (
      (await guarded(() => this.#claims.deleteOne({ _id: idOf(namespace, key), owner, ...live }))).deletedCount > 0
    );
  }

  #live(claim: Claim, now: number): boolean {
    return claim.expires === null || claim.expires > now;
  }

  /** The keys must differ. The call is idempotent, so it may be repeated. */
  async #decide(namespace: string, entries: readonly Entry[]): Promise<readonly string[]> {
    const owners: string[] = [];
    for (let from = 0; from < entries.length; from += KEYS_A_WRITE) {
      const some = entries.slice(from, from + KEYS_A_WRITE);
      owners.push(...(await repeated(() => this.#decideSome(namespace, some))));
    }
    return owners;
  }

  async #decideSome(namespace: string, entries: readonly Entry[]): Promise<readonly string[]> {
    const owners: (string | undefined)[] = entries.map(() => undefined);
    const ids = entries.map((e) => idOf(namespace, e.key));
    for (;;) {
      const now = this.#now();
      const open = entries.flatMap((_, i) => (owners[i] === undefined ? [i] : []));
      if (open.length === 0) return owners as string[];
      const there = new Map(
        (await guarded(() => this.#claims.find({ _id: { $in: open.map((i) => ids[i]!) } }).toArray())).map((c) => [
          c._id,
          c,
        ]),
      );
      const absent: number[] = [];
      const moving: number[] = [];
      const changing: number[] = [];
      for (const i of open) {
        const { owner, expiresAt } = entries[i]!;
        const found = there.get(ids[i]!);
        if (found === undefined) absent.push(i);
        else if (this.#live(found, now) && (found.owner !== owner || found.expires === (expiresAt ?? null)))
          owners[i] = found.owner;
        else (this.#live(found, now) ? moving : changing).push(i);
      }
      const lost = await this.#insert(
        absent.map((i) => ({ _id: ids[i]!, owner: entries[i]!.owner, ...endOf(entries[i]!, now) })),
      );
      absent.forEach((i, at) => {
        if (!lost.has(at)) owners[i] = entries[i]!.owner;
      });
      // The next round shows which of them another owner has, if any.
      for (const together of grouped(moving, (i) => entries[i]!.expiresAt)) {
        if (
          await this.#move(
            together.map((i) => ({ _id: ids[i]!, ...entries[i]! })),
            now,
          )
        )
          for (const i of together) owners[i] = entries[i]!.owner;
      }
      if (changing.length === 0) continue;
      const { matchedCount } = await guarded(() =>
        this.#claims.bulkWrite(
          changing.map((i) => change(ids[i]!, entries[i]!, now)),
          { ordered: false },
        ),
      );
      if (matchedCount === changing.length) for (const i of changing) owners[i] = entries[i]!.owner;
    }
  }

  /**
   * Sets the same new end of claims that already belong to their owners, in one write. Returns false if a claim does
   * not.
   */
  async #move(claims: readonly (Entry & { readonly _id: string })[], now: number): Promise<boolean> {
    const { tidyAt, ...end } = endOf(claims[0]!, now);
    const whose = grouped(claims, (c) => c.owner).map((some) => ({
      _id: { $in: some.map((c) => c._id) },
      owner: some[0]!.owner,
    }));
    const filter = { _id: { $in: claims.map((c) => c._id) }, $or: whose };
    const { matchedCount } = await guarded(() =>
      this.#claims.updateMany(
        filter,
        tidyAt === undefined ? { $set: end, $unset: { tidyAt: '' } } : { $set: { ...end, tidyAt } },
      ),
    );
    return matchedCount === claims.length;
  }

  /** Inserts claims. Returns the indexes of those that another process inserted meanwhile. */
  async #insert(claims: readonly Claim[]): Promise<ReadonlySet<number>> {
    if (claims.length === 0) return new Set();
    return guarded(async () => {
      try {
        await this.#claims.insertMany([...claims], { ordered: false });
        return new Set();
      } catch (error) {
        return new Set(duplicatesOf(error));
      }
    });
  }
}

function grouped<T>(all: readonly T[], by: (one: T) => unknown): T[][] {
  const groups = new Map<unknown, T[]>();
  for (const one of all) groups.set(by(one), [...(groups.get(by(one)) ?? []), one]);
  return [...groups.values()];
}

const endOf = ({ expiresAt }: Entry, now: number): Pick<Claim, 'expires' | 'tidyAt'> =>
  expiresAt === undefined ? { expires: null } : { expires: expiresAt, tidyAt: tidyAt(expiresAt, now) };

/** Takes a claim that has expired or already belongs to the owner. */
function change(_id: string, entry: Entry, now: number): AnyBulkWriteOperation<Claim> {
  const update = {
    $set: { owner: entry.owner, ...endOf(entry, now) },
    ...(entry.expiresAt === undefined && { $unset: { tidyAt: '' as const } }),
  };
  return { updateOne: { filter: { _id, $or: [{ owner: entry.owner }, { expires: { $lte: now } }] }, update } };
}
