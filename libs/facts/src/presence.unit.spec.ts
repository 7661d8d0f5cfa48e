import { beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, Position } from '@provider-access/engines/log';
import type { Presence } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { Access, FactsStale } from './access.ts';
import type { Freshness } from './freshness.ts';
import { Parties } from './parties.ts';
import { PartiesPresence, PresentReaders } from './presence.ts';

/** The store with its own clock, which may differ from the clock of a process that announces itself. */
class Store implements Presence {
  now = 0;
  away = false;
  readonly entries = new Map<string, { data: unknown; expiresAt: number }>();
  #there(): void {
    if (this.away) throw new Error('away');
  }
  async announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void> {
    this.#there();
    this.entries.set(`${group}/${holder}`, {
      data: JSON.parse(JSON.stringify(data)) as unknown,
      expiresAt: this.now + ttlMs,
    });
  }
  async list(group: string) {
    this.#there();
    return [...this.entries]
      .filter(([id, e]) => id.startsWith(`${group}/`) && e.expiresAt > this.now)
      .map(([id, e]) => ({ holder: id.slice(group.length + 1), ...e }));
  }
  async leave(group: string, holder: string): Promise<void> {
    this.#there();
    this.entries.delete(`${group}/${holder}`);
  }
}

class FakeParties {
  at: Position = {};
  payer: Position = {};
  seen: { current(): boolean } | undefined;
  position = (): Position => this.at;
  derived = (): Position => this.payer;
  seenBy(presence: { current(): boolean }): void {
    this.seen = presence;
  }
  waitFor = (target: Position): Promise<boolean> =>
    Promise.resolve(Object.entries(target).every(([t, o]) => o.every((n, p) => (this.at[t]?.[p] ?? 0) >= n)));
}

const TTL_MS = 6000;
let store: Store;
let head: Position;
beforeEach(() => {
  store = new Store();
  head = { 'pa.registry': [0] };
});
function reader(holder: string, serving = (): boolean => true) {
  const parties = new FakeParties();
  const world = { now: 0 };
  const presence = new PartiesPresence(
    parties,
    { head: async () => head },
    { port: store, holder, ttlMs: TTL_MS, now: () => world.now, serving },
  );
  // The test makes every announcement after the first one.
  const pass = async (ms: number): Promise<void> => {
    world.now += ms;
    await presence.beat();
  };
  return { parties, presence, world, pass };
}
/** Runs everything that can happen without time passing. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};
const heard = (n: number): Position => ({ 'pa.registry': [n] });

describe('a process that decides', () => {
  it('is not current before it is on the list and has passed what was in the log then', async () => {
    const r = reader('r');
    head = heard(5);
    expect(r.presence.current()).toBe(false);
    await r.presence.start();
    expect([(await store.list('parties')).length, r.presence.current()]).toEqual([1, false]);
    r.parties.at = heard(5);
    await r.pass(250);
    expect(r.presence.current()).toBe(true);
    await r.presence.stop();
    expect([(await store.list('parties')).length, r.presence.current()]).toEqual([0, false]);
  });

  it('ends to be current before others stop waiting for it, also when clocks differ by half the ttl', async () => {
    const r = reader('r');
    await r.presence.start();
    store.away = true;
    for (const skew of [0, 2999]) {
      r.world.now = 2999;
      expect(r.presence.current()).toBe(true);
      r.world.now = 3000;
      expect(r.presence.current()).toBe(false);
      store.away = false;
      // What auth sees at that moment with a clock that is ahead.
      store.now = 3000 + skew - 1;
      expect(await store.list('parties')).toHaveLength(1);
      store.away = true;
    }
    // Back on the list, the process is current only once it has passed what it may have missed.
    store.away = false;
    head = heard(7);
    await r.pass(100);
    expect(r.presence.current()).toBe(false);
    r.parties.at = heard(7);
    await r.pass(100);
    expect(r.presence.current()).toBe(true);
    await r.presence.stop();
  });

  it('does not count an announcement that took too long', async () => {
    const r = reader('r');
    await r.presence.start();
    const announce = store.announce.bind(store);
    store.announce = async (...args) => {
      await announce(...args);
      r.world.now += 3001;
    };
    await r.pass(2000);
    expect(r.presence.current()).toBe(false);
    await r.presence.stop();
  });

  it('says nothing new for a third of the ttl, and everything new at once', async () => {
    const r = reader('r');
    let said = 0;
    const announce = store.announce.bind(store);
    store.announce = (...args) => {
      said++;
      return announce(...args);
    };
    await r.presence.start();
    await r.pass(250);
    expect(said).toBe(1);
    r.parties.at = heard(1);
    await r.pass(250);
    expect(said).toBe(2);
    await r.pass(1999);
    expect(said).toBe(2);
    await r.pass(1);
    expect(said).toBe(3);
    await r.presence.stop();
  });

  it('takes itself off the list while its facts are stale, so that nobody waits for it', async () => {
    let serving = true;
    const r = reader('r', () => serving);
    await r.presence.start();
    expect(r.presence.current()).toBe(true);
    serving = false;
    await r.pass(250);
    expect([r.presence.current(), (await store.list('parties')).length]).toEqual([false, 0]);
    head = heard(2);
    serving = true;
    await r.pass(250);
    expect(r.presence.current()).toBe(false);
    r.parties.at = heard(2);
    await r.pass(250);
    expect(r.presence.current()).toBe(true);
    await r.presence.stop();
  });
});

describe('the processes that acknowledge', () => {
  it('waits for every present process, and not for one that is gone', async () => {
    const [a, b] = [reader('a'), reader('b')];
    for (const r of [a, b]) await r.presence.start();
    const all = new PresentReaders(store, 1);
    expect(await all.waitFor(heard(0), 0)).toBe(true);
    a.parties.at = heard(3);
    await a.pass(250);
    expect(await all.waitFor(heard(3), 5)).toBe(false);
    const waiting = all.waitFor(heard(3), 60_000);
    b.parties.at = heard(3);
    await b.pass(250);
    expect(await waiting).toBe(true);
    const gone = all.waitFor(heard(4), 60_000);
    a.parties.at = heard(4);
    await a.pass(250);
    store.now = 6250;
    await a.pass(250);
    store.entries.delete('parties/b');
    expect(await gone).toBe(true);
    for (const r of [a, b]) await r.presence.stop();
  });
  it('waits for what others have derived from payer topics', async () => {
    const r = reader('r');
    await r.presence.start();
    const all = new PresentReaders(store, 1);
    const target = [{ deriver: 'consent', position: { 'payer.member-events': [0, 4] } }];
    expect(await all.waitForDerived(target, 2)).toBe(false);
    r.parties.payer = { 'payer.member-events': [0, 4] };
    await r.pass(250);
    expect(await all.waitForDerived(target, 0)).toBe(true);
    await r.presence.stop();
  });
  it('reads the list once for many who wait, and again for who came later', async () => {
    const r = reader('r');
    await r.presence.start();
    const held: (() => void)[] = [];
    const list = store.list.bind(store);
    store.list = async (group) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return list(group);
    };
    const all = new PresentReaders(store, 1);
    const first = all.waitFor(heard(0), 60_000);
    const others = Array.from({ length: 100 }, () => all.waitFor(heard(0), 60_000));
    held[0]!();
    expect(await first).toBe(true);
    // The others came while the list was being read, so they share the next reading.
    await expect.poll(() => held.length).toBe(2);
    held[1]!();
    expect(new Set(await Promise.all(others))).toEqual(new Set([true]));
    expect(held).toHaveLength(2);
    await r.presence.stop();
  });
  it(
    'says that an opt-out is effective only when the other processes have passed it too, and serves nothing while ' +
      'it is not seen',
    async () => {
      const other = reader('other');
      await other.presence.start();
      const parties = Object.assign(new Parties(), {
        derived: () => ({ 'payer.member-events': [1] }),
        ready: () => true,
      });
      const view = { waitFor: async () => true, getMany: async () => [undefined] } as unknown as ViewReader;
      const access = new Access({
        log: {} as EventLog,
        reader: view,
        parties,
        freshness: { fresh: () => true } as Freshness,
        clock: { now: () => 0 },
        present: new PresentReaders(store, 1),
      });
      const position = { 'payer.member-events': [1] };
      expect([await access.waitForPayer(position, 5), await access.waitForPayerEverywhere(position, 5)]).toEqual([
        true,
        false,
      ]);
      other.parties.payer = position;
      await other.pass(250);
      expect(await access.waitForPayerEverywhere(position, 60_000)).toBe(true);
      expect(await access.facts('m')).toBeUndefined();
      parties.seenBy({ current: () => false });
      await expect(access.facts('m')).rejects.toBeInstanceOf(FactsStale);
      await other.presence.stop();
    },
  );
  it("waits for the members' facts of every version that a present process reads", async () => {
    const announced = (memberFacts?: number) => ({
      position: {},
      derived: {},
      ...(memberFacts !== undefined && { memberFacts }),
    });
    const waited: number[] = [];
    let behind = 0;
    const viewOf = (version: number): ViewReader =>
      ({ waitFor: async () => (waited.push(version), version !== behind) }) as unknown as ViewReader;
    const parties = Object.assign(new Parties(), { waitFor: async () => true, waitForDerived: async () => true });
    const access = new Access({
      log: {} as EventLog,
      reader: viewOf(3),
      versions: { own: 3, readerOf: viewOf },
      parties,
      freshness: { fresh: () => true } as Freshness,
      clock: { now: () => 0 },
      present: new PresentReaders(store, 1),
    });
    const everywhere = async (): Promise<readonly [boolean, boolean, readonly number[]]> => {
      waited.length = 0;
      const held = [await access.waitForPayerEverywhere({}, 5), await access.waitForOursEverywhere({}, 5)] as const;
      return [...held, [...new Set(waited)].toSorted()];
    };
    await store.announce('parties', 'same', announced(3), 6000);
    await store.announce('parties', 'auth, which reads none', announced(0), 6000);
    expect(await everywhere()).toEqual([true, true, [3]]);
    await store.announce('parties', 'of before it was said', announced(), 6000);
    await store.announce('parties', 'one before', announced(2), 6000);
    expect(await everywhere()).toEqual([true, true, [1, 2, 3]]);
    behind = 2;
    expect(await everywhere()).toEqual([false, false, [1, 2, 3]]);
    // A process that joins while our own view is waited for counts too.
    await store.leave('parties', 'one before');
    const late = new Access({
      log: {} as EventLog,
      versions: { own: 3, readerOf: viewOf },
      parties,
      freshness: { fresh: () => true } as Freshness,
      clock: { now: () => 0 },
      present: new PresentReaders(store, 1),
      reader: {
        waitFor: async () => (await turns(), await store.announce('parties', 'one before', announced(2), 6000), true),
      } as unknown as ViewReader,
    });
    expect([await late.waitForPayerEverywhere({}, 5), await late.waitForOursEverywhere({}, 5)]).toEqual([false, false]);
    await store.announce('parties', 'of a far future', { ...announced(), memberFacts: 'the third' }, 6000);
    behind = 0;
    expect((await everywhere()).slice(0, 2)).toEqual([false, false]);
  });
  it("is not joined by a process whose members' facts lack something that is in the log", async () => {
    let caughtUp = false;
    const presence = new PartiesPresence(
      new FakeParties(),
      { head: async () => head },
      { port: store, holder: 'r', now: () => 0, memberFacts: { version: 1, caughtUp: async () => caughtUp } },
    );
    await presence.start();
    expect([presence.current(), (await store.list('parties')).map(({ data }) => data)]).toMatchObject([
      false,
      [{ memberFacts: 1 }],
    ]);
    caughtUp = true;
    await presence.beat();
    expect(presence.current()).toBe(true);
    await presence.stop();
  });
  it('acknowledges nothing while the list cannot be read', async () => {
    store.away = true;
    expect(await new PresentReaders(store, 1).waitFor(heard(0), 3)).toBe(false);
  });
});
