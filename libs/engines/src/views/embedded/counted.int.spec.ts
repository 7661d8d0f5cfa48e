import { StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { items, sharedItems } from '../contract/fixture.ts';
import { openMemoryViews } from '../memory/index.ts';
import type { Projection } from '../projection.ts';
import type { ViewOp } from '../store.ts';
import type { Connection } from './connection.ts';
import { COUNTED_TOGETHER } from './statements.ts';

let views: ReturnType<typeof openMemoryViews>;
beforeEach(() => void (views = openMemoryViews()));
afterEach(async () => {
  vi.restoreAllMocks();
  await views.close();
});

const op = (id: string, offset: number, value: object | null): ViewOp => ({
  ...{ id, part: 'item', partition: 0, offset, value },
});
const idOf = (n: number): string => `m-${n % 7}/Observation/o-${n}`;

/** Documents, of which some are removed. */
async function filled(projection: Projection, documents: number, isRemoved: (n: number) => boolean): Promise<void> {
  await views.store.ensure(projection);
  for (let from = 0; from < documents; from += 1000) {
    const numbers = Array.from({ length: Math.min(1000, documents - from) }, (_, i) => from + i);
    const value = { n: 1, group: 'g', tags: [], line: 'l' };
    const ops = numbers.map((n) => op(idOf(n), n, isRemoved(n) ? null : value));
    expect(await views.store.apply(projection, 1, ops)).toEqual([]);
  }
}

for (const [name, projection] of Object.entries({ items, sharedItems })) {
  const most = 2 * COUNTED_TOGETHER;
  for (const documents of [0, 1, COUNTED_TOGETHER - 1, COUNTED_TOGETHER, COUNTED_TOGETHER + 1, most + 5])
    it(`counts ${documents} documents of ${name}, and no removed ones`, async () => {
      await filled(projection, documents, (n) => n % 5 === 0);
      expect(await views.store.count(projection)).toBe(documents - Math.ceil(documents / 5));
    });

  it(`counts many removed documents of ${name}`, async () => {
    await filled(projection, most + 5, (n) => n !== 3);
    expect(await views.store.count(projection)).toBe(1);
  });

  it(`gives other work of the event loop its turn while it counts ${name}`, async () => {
    await filled(projection, most + 5, (n) => n % 2 === 0);
    let turn = 0;
    const steps: number[] = [];
    const get = StatementSync.prototype.get as (...values: unknown[]) => unknown;
    vi.spyOn(StatementSync.prototype, 'get').mockImplementation(function (this: StatementSync, ...values: unknown[]) {
      if (this.sourceSQL.includes(`OFFSET ${COUNTED_TOGETHER - 1}`)) steps.push(turn);
      return get.apply(this, values) as never;
    });
    let isDone = false;
    const counted = views.store.count(projection).finally(() => (isDone = true));
    for (; !isDone; turn++) await nextTurn();
    expect(await counted).toBe(COUNTED_TOGETHER + 2);
    // Three steps for all rows and two for the removed ones, the first of which is in the turn of the last one before.
    expect(steps).toHaveLength(5);
    expect(new Set(steps).size).toBe(4);
  });
}

it('counts the build that becomes the live one meanwhile, which has its ids in other columns', async () => {
  await filled(items, COUNTED_TOGETHER + 7, () => false);
  await filled(sharedItems, 3, () => false);
  const { connection } = views.store as unknown as { connection: Connection };
  const [before, after] = [connection.live(items), connection.live(sharedItems)];
  const live = vi.spyOn(connection, 'live').mockImplementationOnce(() => before);
  live.mockImplementation(() => after);
  expect(await views.store.count(items)).toBe(3);
});
