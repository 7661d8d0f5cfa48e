import { expect, it } from 'vitest';
import { World } from '../test/match-world.ts';

it('costs the same queries with 100 and with 100,000 members in the store (M44)', async () => {
  const world = await World.open('SQLite');
  try {
    const [few, many] = await world.costs([100, 100_000]);
    expect(many).toEqual(few);
  } finally {
    await world.close();
  }
});
