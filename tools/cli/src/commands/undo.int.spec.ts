import { expect, test } from 'vitest';
import { Server } from '../client/server.ts';
import { accessOf } from './undo.ts';

const SINCE = '2026-11-01T00:00:00.000Z';
const name = (n: number): string => `m-${String(n).padStart(5, '0')}`;

/** Answers as the platform does: of some members something was released, twice each. */
class Platform extends Server {
  readonly asked: string[] = [];
  readonly #seen: ReadonlySet<string>;
  constructor(seen: readonly string[]) {
    super('http://127.0.0.1:9');
    this.#seen = new Set(seen);
  }
  override post<T>(target: string, body: unknown): Promise<T> {
    this.asked.push(target);
    const { members, since } = body as { readonly members: readonly string[]; readonly since: string };
    expect(since).toBe(SINCE);
    return Promise.resolve({ members: members.filter((member) => this.#seen.has(member)) } as T);
  }
  override json<T>(target: string): Promise<T> {
    this.asked.push(target);
    const released = { client: 'c1', action: 'read', outcome: 'released', types: ['Claim'], resources: 1 };
    const at = (day: number): string => `2026-11-0${day}T00:00:00.000Z`;
    const page = { disclosures: [2, 3].map((day) => ({ ...released, at: at(day) })) };
    return Promise.resolve((target.startsWith('/ops/explain') ? { decision: 'deny' } : page) as T);
  }
}
async function* given(count: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n += 1) yield name(n);
}
const undone = (count: number) => ({
  batch: 'roster.north.2026-11-01.0123456789',
  by: 'undo',
  rows: count,
  kept: 0,
  given: given(count),
  since: SINCE,
  close: () => undefined,
});

test('A77 the list of accesses costs what it shows, and one request for each thousand members beside', async () => {
  const asked: number[] = [];
  for (const count of [10, 5_000]) {
    const platform = new Platform([name(3), name(7)]);
    const found = await accessOf({ server: platform, administratorToken: () => 't' }, undone(count));
    expect(found.map(({ member, at }) => [member, at.slice(0, 10)])).toEqual([
      [name(3), '2026-11-02'],
      [name(3), '2026-11-03'],
      [name(7), '2026-11-02'],
      [name(7), '2026-11-03'],
    ]);
    asked.push(platform.asked.length - Math.ceil(count / 1000));
  }
  // One list for each member that anybody has seen, and one decision for each release.
  expect(asked).toEqual([6, 6]);
});
