import { expect, it } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { State } from '@provider-access/engines/state';
import { ContentHash, GroupVersions, type Hidden, type Version } from './group-versions.ts';

const BOUND = 100;
const state = () => openMemoryState({ log: openMemoryLog() });
const versionsOf = (of: Pick<State, 'streams' | 'claims'>): GroupVersions => new GroupVersions(of, BOUND);

interface Look {
  readonly client?: string;
  readonly group?: string;
  readonly known?: number;
  readonly circumstances?: string;
  readonly next?: string;
  readonly hidden?: Hidden;
}
/** The version of content that does not depend on the version before, unless `next` is given. */
async function look(versions: GroupVersions, same: string, now: number, more: Look = {}): Promise<Version> {
  const { client = 'c1', group = 'g1', known = now, circumstances = '', next = same, hidden = [] } = more;
  for (;;) {
    const seen = await versions.last(client, group);
    const version = await versions.of(client, group, seen, { same, next, now, known, circumstances, hidden });
    if (version !== undefined) return version;
  }
}
const at = async (...of: Parameters<typeof look>): Promise<number> => (await look(...of)).at;

it('keeps the version of the same content, and gives other content a later one, whatever the clock shows', async () => {
  const versions = versionsOf(state());
  expect(await at(versions, 'a', 1000)).toBe(1000);
  expect(await at(versions, 'a', 5000)).toBe(1000);
  expect(await at(versions, 'b', 500)).toBe(1001);
  expect(await at(versions, 'a', 500)).toBe(1002);
  expect(await at(versions, 'a', 9000)).toBe(1002);
});

it('keeps clients and Groups apart', async () => {
  const versions = versionsOf(state());
  await at(versions, 'a', 1000);
  expect(await at(versions, 'b', 2000, { client: 'c2' })).toBe(2000);
  expect(await at(versions, 'b', 3000, { group: 'g2' })).toBe(3000);
  expect(await at(versions, 'a', 4000)).toBe(1000);
});

it('A15: tells when a change was known, and not when the client looked first', async () => {
  const versions = versionsOf(state());
  await at(versions, 'a', 1000);
  // Until `known + BOUND` a process may have shown the content before.
  expect(await at(versions, 'b', 90_000, { known: 2000 })).toBe(2000 + BOUND);
  expect(await at(versions, 'c', 90_020, { known: 90_000 })).toBe(90_020);
  // A new client of a store that has versions.
  expect(await at(versions, 'a', 95_000, { client: 'c2', known: 3000 })).toBe(3000 + BOUND);
  expect(await at(versions, 'a', 95_000, { client: 'c3', known: 3 })).toBe(1000);
});

it('A15: gives the present time to what no fact explains, so that nobody who looked since misses it', async () => {
  const versions = versionsOf(state());
  await at(versions, 'a', 1000);
  expect(await at(versions, 'b', 90_000, { known: 500 })).toBe(90_000);
  expect(await at(versions, 'c', 99_000, { known: 95_000, circumstances: 'other' })).toBe(99_000);
  // A fact after the version explains nothing, if the circumstances changed after a later look.
  expect(await at(versions, 'd', 99_500, { known: 99_100, circumstances: 'other' })).toBe(99_200);
});

it('A9: entries of a version are new since the version before was seen', async () => {
  const versions = versionsOf(state());
  const hidden: string[] = [];
  expect(await look(versions, 'a', 1000)).toEqual({ at: 1000, before: undefined, hidden });
  expect(await look(versions, 'b', 2000, { known: 1500 })).toEqual({ at: 1600, before: 1000, hidden });
  expect(await look(versions, 'b', 2500)).toEqual({ at: 1600, before: 1000, hidden });
  expect(await look(versions, 'c', 3000)).toEqual({ at: 3000, before: 2000, hidden });
  // As a later version it would have the content that the client has.
  expect(await look(versions, 'd', 4000, { next: 'c' })).toEqual({ at: 3000, before: 3000, hidden });
});

it('A10: remembers whom a label withheld from the version before', async () => {
  const versions = versionsOf(state());
  await look(versions, 'a', 1000, { hidden: ['m'] });
  expect(await look(versions, 'b', 2000, { hidden: 'many' })).toMatchObject({ hidden: ['m'] });
  expect(await look(versions, 'b', 2500)).toMatchObject({ hidden: ['m'] });
  expect(await look(versions, 'c', 3000)).toMatchObject({ hidden: 'many' });
  expect(await look(versions, 'd', 4000)).toMatchObject({ hidden: [] });
});

it('gives one version to one content and never one to two, however many processes race', async () => {
  const shared = state();
  const processes = Array.from({ length: 4 }, () => versionsOf(shared));
  const found = new Map<number, string>();
  for (let round = 0; round < 20; round++) {
    const contents = processes.map((_, i) => `${round}${'ab'[i % 2]}`);
    const given = await Promise.all(processes.map((one, i) => at(one, contents[i]!, 1000)));
    given.forEach((version, i) => {
      expect(found.get(version) ?? contents[i]).toBe(contents[i]);
      found.set(version, contents[i]!);
    });
    // What was asked for last keeps the newest version.
    const newest = Math.max(...found.keys());
    expect(await at(processes[0]!, found.get(newest)!, 1000)).toBe(newest);
  }
});

it('hashes parts one by one, and two parts differently from one', () => {
  const hash = (...parts: readonly unknown[]): string => {
    const content = new ContentHash();
    for (const part of parts) content.add(part);
    return content.digest();
  };
  expect(hash({ a: 1 }, 2)).toBe(hash({ a: 1 }, 2));
  expect(new Set([hash('1', '2'), hash('12'), hash('2', '1'), hash(['1', '2']), hash()]).size).toBe(5);
});
