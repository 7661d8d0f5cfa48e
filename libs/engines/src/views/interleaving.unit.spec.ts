import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openMemoryLog } from '../log/memory/index.ts';
import { cases, variant } from '@provider-access/testing/variant';
import { BuildWriter } from './build-writer.ts';
import { digestsOf } from './compare.ts';
import { items, record, totals } from './contract/fixture.ts';
import { openMemoryViews } from './memory/index.ts';
import type { MemoryStore } from './memory/store.ts';
import { CheckpointMoved } from './store.ts';

const signal = new AbortController().signal;

/** Steps of two writers that both believe to own a partition, in any order, while the store loses data in between. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('handle' as const),
      who: fc.nat(1),
      partition: fc.nat(1),
      from: fc.nat(11),
      count: fc.integer({ min: 1, max: 6 }),
      beside: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reload' as const), who: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remember' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
);

/**
 * Two partitions may count into one document, which the second view takes for a new one each time. In a blind view the
 * newest record of a partition wins, also a removal.
 */
const views = [
  { name: 'counting', projection: totals, topic: 't.left', partitions: 2, type: () => 'added' },
  { name: 'guessing', projection: totals, topic: 't.right', partitions: 2, type: () => 'added' },
  {
    name: 'blind',
    projection: items,
    topic: 't.items',
    partitions: 1,
    type: (i: number) => (i % 9 === 8 ? 'removed' : 'added'),
  },
];

it.each(views)(
  '$name: any interleaving of redelivered, doubled and late batches by two writers, and a store that forgets, ends ' +
    'as one writer in order does',
  async ({ projection, topic, partitions, type }) => {
    const log = openMemoryLog({ partitions });
    await log.append(
      topic,
      Array.from({ length: 40 }, (_, i) => record(`k${i % 5}`, { n: i + 1, group: 'g' }, type(i), `p${i}`)),
    );
    const head = await log.head([topic]);
    const records = await Promise.all(head[topic]!.map((next, p) => log.read(topic, p, 0, next)));
    const context = (store: MemoryStore) => ({ log, store, projection, logger: undefined, maxRecords: 4 });
    const fresh = async (): Promise<MemoryStore> => {
      const store = openMemoryViews({ shared: true }).store as MemoryStore;
      await store.ensure(projection);
      return store;
    };
    const finish = async (store: MemoryStore): Promise<unknown> => {
      const writer = new BuildWriter(context(store), 1);
      await writer.reload();
      await writer.fillAll(head, signal);
      return digestsOf(store, projection, [1], head);
    };
    const expected = await finish(await fresh());

    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const store = await fresh();
        const writers = [new BuildWriter(context(store), 1), new BuildWriter(context(store), 1)];
        let kept = store.copy();
        // A writer does one step at a time, and steps of the other writer may interleave with it.
        const turns = [Promise.resolve(), Promise.resolve()];
        const turn = async (
          who: number,
          work: (writer: BuildWriter) => Promise<unknown>,
          beside: boolean,
        ): Promise<void> => {
          turns[who] = turns[who]!.then(() => work(writers[who]!)).then(
            () => undefined,
            async (error: unknown) => {
              if (!(error instanceof CheckpointMoved)) throw error;
              await writers[who]!.reload();
            },
          );
          if (!beside) await turns[who];
        };
        for (const s of steps) {
          if (s.do === 'handle') {
            const partition = s.partition % partitions;
            await turn(
              s.who,
              (w) =>
                w.handle({ topic, partition, records: records[partition]!.slice(s.from, s.from + s.count) }, signal),
              s.beside,
            );
          } else if (s.do === 'reload') await turn(s.who, (w) => w.reload(), false);
          else if (s.do === 'remember') kept = store.copy();
          else store.restore(kept);
        }
        await Promise.all(turns);
        expect(await finish(store)).toEqual(expected);
      }),
      { numRuns: cases(variant.long ? 300 : 100) },
    );
    await log.close();
  },
);

it('inserts no document that a record begins if the store has lost what came before', async () => {
  const log = openMemoryLog({ partitions: 1 });
  const store = openMemoryViews({ shared: true }).store as MemoryStore;
  await store.ensure(totals);
  const writer = new BuildWriter({ log, store, projection: totals, logger: undefined, maxRecords: 4 }, 1);
  await log.append('t.right', [record('a', { n: 1 })]);
  // The store lost an earlier beginning of the document, and only its checkpoint tells so before the write.
  const { verify } = store;
  store.verify = () => Promise.reject(new CheckpointMoved('lost'));
  await expect(writer.fillAll(await log.head(['t.right']), signal)).rejects.toThrow('lost');
  expect(await store.parts(totals, 1, 'right', ['a'])).toEqual(new Map());
  store.verify = verify.bind(store);
  await writer.fillAll(await log.head(['t.right']), signal);
  expect((await store.parts(totals, 1, 'right', ['a'])).get('a')).toMatchObject({ value: { sum: 1 } });
  await log.close();
});
