import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LogRecord } from '../log/index.ts';
import { openMemoryLog } from '../log/memory/index.ts';
import { BuildWriter, ProjectionStopped } from './build-writer.ts';
import { openMemoryViews } from './memory/index.ts';
import type { Projection } from './projection.ts';

const failure = (): never => {
  throw new RangeError('no part');
};
const counted: Projection = {
  owner: 'test',
  name: 'counted',
  version: 1,
  indexes: [],
  topics: {
    t: {
      part: 'p',
      keys: ({ key }) => [key],
      evolve: (part: { n: number } | undefined, { key }) => (key === 'bad' ? failure() : { n: (part?.n ?? 0) + 1 }),
      failed: failure,
    },
  },
};

let views: ReturnType<typeof openMemoryViews>;
let writer: BuildWriter;
/** The ids of each write. */
const written: (readonly string[])[] = [];
/** Whether the store loses its first write. */
let isLost = false;

/** A store that refuses `a` once, because somebody else is said to have written it. */
beforeEach(async () => {
  views = openMemoryViews();
  await views.store.ensure(counted);
  const apply = views.store.apply.bind(views.store);
  written.splice(0);
  isLost = false;
  views.store.apply = async (projection, build, ops, checkpoint) => {
    written.push(ops.map(({ id }) => id));
    if (written.length > 1) return apply(projection, build, ops, checkpoint);
    await apply(
      projection,
      build,
      ops.filter(({ id }) => id !== 'a' && !isLost),
    );
    return ['a'];
  };
  const log = openMemoryLog({ partitions: 1 });
  writer = new BuildWriter({ log, store: views.store, projection: counted, logger: undefined, maxRecords: 9 }, 1);
});
afterEach(() => views.close());

const handle = (...keys: string[]): Promise<void> => {
  const records = keys.map((key, offset): LogRecord => ({
    ...{ topic: 't', partition: 0, offset, key },
    ...{ headers: {}, value: new Uint8Array(), timestamp: 0 },
  }));
  return writer.handle({ topic: 't', partition: 0, records }, new AbortController().signal);
};
const documents = async (): Promise<unknown> => {
  const found = await views.reader(counted).getMany(['a', 'b', 'c']);
  return found.map((document) => (document?.['p'] as { n: number } | undefined)?.n);
};

it('works out again what the store refused, and nothing else', async () => {
  await handle('a', 'b', 'a', 'c');
  expect(written).toEqual([['a', 'b', 'c'], ['a']]);
  expect(await documents()).toEqual([2, 1, 1]);
  expect(writer.next('t', 0)).toBe(4);
});

it('works out all again if the store may have lost the others', async () => {
  isLost = true;
  vi.spyOn(views.store, 'incarnation').mockImplementation(() => Math.min(written.length, 1));
  await handle('a', 'b');
  expect(written).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
  expect(await documents()).toEqual([1, 1, undefined]);
});

it('stops at the same record again', async () => {
  await expect(handle('b', 'a', 'bad', 'c')).rejects.toThrow(ProjectionStopped);
  expect(writer.next('t', 0)).toBe(2);
  expect(await documents()).toEqual([1, 1, undefined]);
});
