import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { condition, House, patient } from '../../test/harness.ts';

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.publish([{ subject: 'm1', resource: patient('m1') }]);
  await house.settled();
});
afterAll(() => house.close());

it('parses an event once, for the answer, for the intake and for the views', async () => {
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
  expect(texts.filter((text) => text.includes('"marked"') || text.includes('\\"marked\\"'))).toHaveLength(20);
});

it('parses the events of a large request in the reading thread alone', async () => {
  const parse = vi.spyOn(JSON, 'parse');
  await house.publish(
    Array.from({ length: 200 }, (_, i) => ({
      subject: 'm1',
      resource: condition('m1', `d${i}`, { code: { coding: [{ code: 'marked', display: 'x'.repeat(200) }] } }),
    })),
  );
  await house.settled();
  const texts = parse.mock.calls.map(([text]) => text);
  parse.mockRestore();
  expect(texts.filter((text) => text.includes('marked'))).toEqual([]);
  expect((await house.records.byTypeId('m1', 'Condition', 'd199'))!.line.byteLength).toBeGreaterThan(200);
});

it('asks who has the targets of a Provenance without a parse of their heads', async () => {
  const ids = Array.from({ length: 20 }, (_, i) => `t${i}`);
  await house.publish(ids.map((id) => ({ subject: 'm1', resource: condition('m1', id) })));
  await house.settled();
  const resource = {
    ...{ resourceType: 'Provenance', id: 'p1', recorded: '2024-01-01T00:00:00Z' },
    target: ids.map((id) => ({ reference: `Condition/${id}` })),
    agent: [{ who: { display: 'County clinic' } }],
  };
  const parse = vi.spyOn(JSON, 'parse');
  await house.publish([{ subject: 'm1', resource }]);
  await house.settled();
  const heads = parse.mock.calls.filter(([text]) => text.includes('"contentHash":') && text.includes('"Condition"'));
  parse.mockRestore();
  expect(heads).toEqual([]);
});
