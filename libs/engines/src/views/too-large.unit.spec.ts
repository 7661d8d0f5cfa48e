import { dataOf } from '@provider-access/events';
import { afterEach, expect, it } from 'vitest';
import type { LogRecord } from '../log/index.ts';
import { openMemoryLog } from '../log/memory/index.ts';
import { openMemoryViews } from './memory/index.ts';
import type { Projection, TopicEvolve } from './projection.ts';
import { ProjectionSet } from './projection-set.ts';
import { DocumentTooLarge } from './store.ts';

/** Most characters of a part, like MongoDB's 16 MB. */
const LIMIT = 100;
interface Texts {
  readonly texts: readonly string[];
  readonly held?: true;
}
const text = (record: LogRecord): string => dataOf<{ text: string }>(record).text;
const collecting: TopicEvolve<Texts> = {
  part: 'p',
  keys: ({ key }) => [key],
  evolve: (part, record) => ({ ...part, texts: [...(part?.texts ?? []), text(record)] }),
};
const projection = (failed?: TopicEvolve<Texts>['failed']): Projection => ({
  owner: 'test',
  name: 'texts',
  version: 1,
  indexes: [],
  topics: { t: { ...collecting, ...(failed !== undefined && { failed }) } },
});

const running: ProjectionSet[] = [];
afterEach(async () => {
  for (const set of running.splice(0)) await set.stop();
});

/** The documents `a` and `b` after these texts, in a store with this limit. */
async function after(
  of: Projection,
  ...texts: readonly (readonly [string, string])[]
): Promise<{ a: unknown; b: unknown; set: ProjectionSet }> {
  const log = openMemoryLog({ partitions: 1 });
  const views = openMemoryViews();
  const apply = views.store.apply.bind(views.store);
  views.store.apply = async (p, build, ops, ...rest) => {
    if (ops.some(({ value }) => JSON.stringify(value).length > LIMIT))
      throw new DocumentTooLarge('test_texts_v1: part "p" of a document is too large');
    return apply(p, build, ops, ...rest);
  };
  await log.append(
    't',
    texts.map(([key, value]) => ({ key, partitionKey: key, headers: {}, value: JSON.stringify({ text: value }) })),
  );
  const set = new ProjectionSet({ log, views, projections: [of] });
  running.push(set);
  await set.start();
  const [a, b] = await views.reader(of).getMany(['a', 'b']);
  return { a: a?.['p'], b: b?.['p'], set };
}
const long = 'x'.repeat(60);

it('a document that would be too large is passed over; the records before and behind it count', async () => {
  const { a, b, set } = await after(
    projection((part) => ({ texts: [], ...part, held: true })),
    ['a', 'one'],
    ['b', long],
    ['a', long],
    ['b', long],
    ['b', 'more'],
    ['a', 'two'],
  );
  expect(a).toEqual({ texts: ['one', long, 'two'] });
  expect(b).toEqual({ texts: [long, 'more'], held: true });
  expect(await set.status()).toMatchObject([{ passedOver: 1, documents: 2 }]);
  expect((await set.check()).ready).toBe(true);
});

it('if failed with the stored part is too large, the part starts again', async () => {
  const { b } = await after(
    projection((part) => ({ texts: part === undefined ? [] : [...part.texts, long], held: true })),
    ['b', long],
    ['b', long],
    ['b', 'more'],
  );
  expect(b).toEqual({ texts: ['more'], held: true });
});

it('without failed the part is removed', async () => {
  const { a, b } = await after(projection(), ['a', 'one'], ['b', long], ['b', long]);
  expect([a, b]).toEqual([{ texts: ['one'] }, undefined]);
});

it('if even that is too large, the view stops and reports it', async () => {
  const { a, set } = await after(
    projection(() => ({ texts: [long, long] })),
    ['a', 'one'],
    ['b', long],
    ['b', long],
    ['a', 'two'],
  );
  expect(a).toEqual({ texts: ['one'] });
  expect(set.failure()).toMatch(/is too large/);
});
