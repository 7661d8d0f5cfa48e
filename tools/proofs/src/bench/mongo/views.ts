import { MongoClient } from 'mongodb';
import type { NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { type Projection, ProjectionSet } from '@provider-access/engines/views';
import { openMongoViews } from '@provider-access/engines/views/mongo';
import { dataOf } from '@provider-access/events';
import { startMongo } from '@provider-access/testing';

/**
 * Compares projections and reads with the bare driver on the same server at the same time. The server is that of the
 * tests (tools/testing) and not a mongod, so the figures show the cost of the adapter and not the speed of MongoDB. Run
 * from the root of the repository:
 *
 *     node --conditions=@provider-access/source tools/proofs/src/bench/mongo/views.ts [records]
 */
const COUNT = Number(process.argv[2] ?? 5000);
const line = 'x'.repeat(1000);
const keys = ({ key }: { readonly key: string }): readonly string[] => [key];

/** A blind view with two indexes and a body, as the view `records` is. */
const items: Projection = {
  owner: 'test',
  name: 'items',
  version: 1,
  topics: { 't.items': { part: 'item', blind: true, keys, evolve: (_part, record) => dataOf<object>(record) } },
  indexes: [
    { name: 'by_group', fields: ['item.group', 'item.n'] },
    { name: 'by_tag', fields: ['item.group', 'item.tags'], array: true },
  ],
  bodies: ['item.line'],
};
/** A sum, whose document is read before it is written. */
const totals: Projection = {
  owner: 'test',
  name: 'totals',
  version: 1,
  keepDecoded: 2,
  topics: {
    't.left': {
      part: 'left',
      keys,
      evolve: (part: { readonly sum: number } | undefined, record) => ({
        sum: (part?.sum ?? 0) + dataOf<{ readonly n: number }>(record).n,
      }),
    },
  },
  indexes: [{ name: 'by_sum', fields: ['left.sum'] }],
};
const record = (key: string, data: object): NewRecord => ({
  key,
  partitionKey: key,
  headers: { ce_type: 'item' },
  value: JSON.stringify(data),
});

async function timed(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(`${name.padEnd(56)} ${String(Math.round(count / seconds)).padStart(8)} /s\n`);
}

for (const sync of [true, false]) {
  const mongo = await startMongo({ sync });
  const options = { uri: mongo.uri, database: 'bench', applyIndexes: true };
  const views = await openMongoViews(options);
  const client = new MongoClient(mongo.uri, { writeConcern: { w: 'majority', journal: true } });
  const log = openMemoryLog({ partitions: 4 });
  process.stdout.write(
    `${sync ? 'journalled at each write' : 'not journalled'}, ${COUNT} records of 1 KB in batches of 1000\n`,
  );

  const bare = client.db('bench').collection<{ _id: string }>('bare');
  await bare.createIndex({ 'item.group': 1, 'item.n': 1, _id: 1 });
  await timed('bare bulkWrite of upserts by _id, one index', COUNT, async () => {
    for (let i = 0; i < COUNT; i += 1000) {
      await bare.bulkWrite(
        Array.from({ length: Math.min(1000, COUNT - i) }, (_, j) => ({
          updateOne: {
            filter: { _id: `k${i + j}` },
            update: { $set: { item: { n: i + j, group: `g${(i + j) % 50}` }, line } },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    }
  });
  const project = async (projection: Projection, topic: string): Promise<void> => {
    const set = new ProjectionSet({ log, views, projections: [projection] });
    await set.start();
    await views.reader(projection).waitFor(await log.head([topic]), 600_000);
    await set.stop();
  };
  await log.append(
    't.items',
    Array.from({ length: COUNT }, (_, i) => record(`k${i}`, { n: i, group: `g${i % 50}`, tags: [`t${i % 9}`], line })),
  );
  await timed('project blind documents (two indexes, a body)', COUNT, () => project(items, 't.items'));
  await log.append(
    't.left',
    Array.from({ length: COUNT }, (_, i) => record(`k${i}`, { n: i })),
  );
  await timed('project documents that are read first', COUNT, () => project(totals, 't.left'));

  const reader = views.reader(items);
  const some = Array.from({ length: 1000 }, (_, i) => `k${(i * 7) % COUNT}`);
  await timed('bare findOne by _id', 1000, async () => {
    for (const _id of some) await bare.findOne({ _id });
  });
  await timed('get', 1000, async () => {
    for (const id of some) await reader.get(id);
  });
  await timed('get of what is kept decoded', 1000, async () => {
    for (const id of some) await views.reader(totals).get(id);
  });
  await timed('bare find of 20 by index', 500, async () => {
    for (let i = 0; i < 500; i++)
      await bare.find({ 'item.group': `g${i % 50}` }, { sort: { 'item.n': 1, _id: 1 }, limit: 20 }).toArray();
  });
  await timed('find of 20 by index', 500, async () => {
    for (let i = 0; i < 500; i++) await reader.find({ index: 'by_group', equals: [`g${i % 50}`], limit: 20 });
  });
  await timed('find of 20 by index behind a position', 500, async () => {
    for (let i = 0; i < 500; i++)
      await reader.find({ index: 'by_group', equals: [`g${i % 50}`], limit: 20, after: { values: [1000], id: 'k' } });
  });
  await timed('position', 500, async () => {
    for (let i = 0; i < 500; i++) await reader.position();
  });
  await views.close();
  await client.close();
  await log.close();
  await mongo.stop();
}
