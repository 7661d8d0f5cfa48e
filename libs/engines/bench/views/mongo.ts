/* eslint-disable @nx/enforce-module-boundaries -- starts a server of the tests */
import { startMongo } from '@provider-access/testing';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { items, record, totals } from '../../src/views/contract/fixture.ts';
import { ProjectionSet } from '../../src/views/projection-set.ts';
import { openMongoViews } from '../../src/views/mongo/index.ts';
import { clientOf } from '../../src/views/mongo/options.ts';
import type { Projection } from '../../src/views/projection.ts';

/**
 * Compares projections and reads with the bare driver on the same server at the same time. The server is that of the
 * tests (tools/testing) and not a mongod, so the figures show the cost of the adapter and not the speed of MongoDB. Run
 * from the root of the repository:
 *
 *     node --conditions=@provider-access/source libs/engines/bench/views/mongo.ts [records]
 */
const COUNT = Number(process.argv[2] ?? 5000);
const line = 'x'.repeat(1000);

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
  const client = clientOf(options);
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
