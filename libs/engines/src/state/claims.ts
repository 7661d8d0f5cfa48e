import { randomUUID } from 'node:crypto';
import { type Claim, idOf, OverEngine, type Where } from './engine.ts';
import type { ClaimEntry, Claims } from './port.ts';

const KEYS_A_CALL = 500;

/** One row for each claim, whose unique id decides. Each key of a call is decided separately. */
export class StoredClaims extends OverEngine implements Claims {
  async claim(namespace: string, key: string, owner: string, expiresAt?: number): Promise<string> {
    return (await this.#decide(namespace, [{ key, owner, expiresAt }]))[0]!;
  }

  async claimMany(namespace: string, entries: readonly ClaimEntry[]): Promise<readonly string[]> {
    const owners: string[] = [];
    for (let at = 0; at < entries.length; at += KEYS_A_CALL)
      owners.push(...(await this.#decide(namespace, entries.slice(at, at + KEYS_A_CALL), true)));
    return owners;
  }

  async insertOnce(namespace: string, key: string, expiresAt: number): Promise<boolean> {
    const claim: Claim = { _id: idOf(namespace, key), owner: randomUUID(), expires: expiresAt };
    const { _id, ...set } = claim;
    for (;;) {
      if ((await this.engine.insert('claims', [claim])).size === 0) return true;
      const { changed } = await this.engine.update('claims', [{ where: { _id, expires: { lte: this.#now() } }, set }]);
      if (changed > 0) return true;
      const [there] = await this.engine.scan('claims', { _id });
      // The owner shows an earlier attempt of this call whose answer was lost.
      if (there !== undefined) return there.owner === claim.owner;
    }
  }

  async get(namespace: string, key: string): Promise<string | undefined> {
    return (await this.engine.scan('claims', { _id: idOf(namespace, key), ...this.#live() }))[0]?.owner;
  }

  async release(namespace: string, key: string, owner: string): Promise<boolean> {
    return (await this.engine.delete('claims', { _id: idOf(namespace, key), owner, ...this.#live() })) > 0;
  }

  #now(): number {
    const { clock } = this.engine;
    return clock.toCaller(clock.now());
  }

  #live(): Where<Claim> {
    return { anyOf: [{ expires: null }, { expires: { gt: this.#now() } }] };
  }

  /**
   * Of entries with one key, the first that is stored decides. `isNew`: most keys have no claim, so they are inserted
   * before any is looked for.
   */
  async #decide(namespace: string, entries: readonly ClaimEntry[], isNew = false): Promise<readonly string[]> {
    const owners = new Map<string, string>();
    const wanted = entries.map(({ key, owner, expiresAt }): Claim => ({
      _id: idOf(namespace, key),
      owner,
      expires: expiresAt ?? null,
    }));
    if (isNew && wanted.length > 0) {
      const taken = await this.engine.insert('claims', wanted);
      for (const { _id, owner } of wanted) if (!taken.has(_id)) owners.set(_id, owner);
    }
    const left = wanted.filter(({ _id }) => !owners.has(_id));
    for (let open = left; open.length > 0; open = open.filter(({ _id }) => !owners.has(_id))) {
      const now = this.#now();
      const found = await this.engine.scan('claims', { _id: { in: open.map(({ _id }) => _id) } });
      const there = new Map(found.map((claim) => [claim._id, claim]));
      const absent: Claim[] = [];
      const changing: Claim[] = [];
      for (const claim of open) {
        const held = there.get(claim._id);
        if (held === undefined) absent.push(claim);
        else if ((held.expires ?? Infinity) > now && (held.owner !== claim.owner || held.expires === claim.expires))
          owners.set(claim._id, held.owner);
        else changing.push(claim);
      }
      // The next round shows which of them another process was faster with, if any.
      const taken = absent.length === 0 ? new Set() : await this.engine.insert('claims', absent);
      for (const { _id, owner } of absent) if (!taken.has(_id)) owners.set(_id, owner);
      if (changing.length === 0) continue;
      const { changed } = await this.engine.update(
        'claims',
        changing.map(({ _id, owner, expires }) => ({
          where: { _id, anyOf: [{ owner }, { expires: { lte: now } }] },
          set: { owner, expires },
        })),
      );
      if (changed === changing.length) for (const { _id, owner } of changing) owners.set(_id, owner);
    }
    return wanted.map(({ _id }) => owners.get(_id)!);
  }
}
