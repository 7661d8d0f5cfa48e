import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { condition, House, patient } from '../../test/harness.ts';

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.publish([{ subject: 'm1', resource: patient('m1') }]);
  await house.settled();
});
afterAll(() => house.close());

it('parses an event at the request and at the intake, and no record for a view', async () => {
  const parse = vi.spyOn(JSON, 'parse');
  await house.publish(
    Array.from({ length: 20 }, (_, i) => ({
      subject: 'm1',
      resource: condition('m1', `c${i}`, { code: { coding: [{ code: 'marked' }] } }),
    })),
  );
  await house.settled();
  const texts = parse.mock.calls.map(([text]) => text);
  parse.mockRestore();
  expect(texts.filter((text) => text.includes('"marked"') || text.includes('\\"marked\\"'))).toHaveLength(2 * 20);
});
