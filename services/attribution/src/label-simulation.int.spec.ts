import { afterAll, beforeAll, expect, it } from 'vitest';
import { ADMIN, Harness } from '../test/harness.ts';

const h = new Harness();
beforeAll(() => h.start());
afterAll(() => h.stop());
const simulate = (body: unknown, token = ADMIN) =>
  h.app.inject({
    method: 'POST',
    url: '/ops/explain/labels',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });

it('names what is wrong with lists of codes, and is for operators alone', async () => {
  for (const [body, fault] of [
    [{}, 'files is a list of 1 to 20 files'],
    [{ files: [] }, 'files is a list of 1 to 20 files'],
    [{ files: Array.from({ length: 21 }, () => '{}') }, 'files is a list of 1 to 20 files'],
    [{ files: ['{"list":"a"}', '{'] }, 'File 1 of 2: "source" must say where the list comes from'],
    ['{', ''],
  ] as const) {
    const answer = await simulate(body);
    expect([answer.statusCode, answer.json<{ message: string }>().message]).toEqual([
      400,
      expect.stringContaining(fault),
    ]);
  }
  expect((await simulate({ files: [] }, 'x')).statusCode).toBe(401);
});

it('finds nothing on an empty platform', async () => {
  const list = { list: 'a', source: 'b', labels: [] };
  expect((await simulate({ files: [JSON.stringify(list)] })).json()).toEqual({
    ...{ resources: 0, members: 0, withheld: 0, released: 0, lines: 0, byType: {}, byProvider: {}, byTag: {} },
    ...{ earlierReleases: [], more: false },
  });
});
