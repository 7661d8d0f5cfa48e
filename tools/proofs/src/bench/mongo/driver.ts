import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { sharedMongo } from '@provider-access/testing';

/**
 * Measures the driver's bulkWrite and findOne without the adapter, with the adapter's write concern: documents of 1 KB
 * with two indexes, 250 in a bulk. The server is that of MONGODB_URI, or one that the benchmark starts, which is not a
 * MongoDB. Run from the root of the repository:
 *
 *     node --conditions=@provider-access/source tools/proofs/src/bench/mongo/driver.ts [documents] [writers] [--json]
 *
 * `--json` prints one last line with all figures.
 */
const given = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const count = Number(given[0] ?? 5_000);
const writers = Number(given[1] ?? 1);
const BULK = 250;
const READS = 1_000;
const { uri } = await sharedMongo();
const client = new MongoClient(uri, { writeConcern: { w: 'majority', journal: true } });
const db = client.db(`bench_${randomBytes(4).toString('hex')}`);
/** Operations per second. */
const figures: Record<string, number> = {};

async function rated(what: string, operations: number, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  figures[what] = Math.round(operations / ((performance.now() - start) / 1000));
  console.log(`${what.padEnd(56)} ${String(figures[what]).padStart(8)} /s`);
}
/** Concurrent writers, which await each bulk. No document is written twice. */
const write = (call: (bulk: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let bulk = writer; bulk < count / BULK; bulk += writers) await call(bulk);
    }),
  );
const idOf = (n: number): string => `member-${n % 97}/Observation/${n}`;
const ids = (bulk: number): string[] =>
  Array.from({ length: Math.min(BULK, count - bulk * BULK) }, (_, i) => idOf(bulk * BULK + i));
const fields = (id: string) => ({ member: id.split('/')[0]!, day: `2026-01-${10 + (id.length % 20)}` });
const line = 'x'.repeat(1_000);

for (const name of ['inserted', 'upserted']) {
  await db.collection(name).createIndex({ '_d.r.member': 1, _id: 1 });
  await db.collection(name).createIndex({ '_d.r.day': 1, _id: 1 });
}
const collection = (name: string) => db.collection<{ _id: string; at?: number }>(name);
await rated('bulkWrite of inserts', count, () =>
  write((bulk) =>
    collection('inserted').bulkWrite(
      ids(bulk).map((_id) => ({ insertOne: { document: { _id, _d: { r: fields(_id) }, _b: line } as never } })),
      { ordered: false },
    ),
  ),
);
await rated('bulkWrite of upserts', count, () =>
  write((bulk) =>
    collection('upserted').bulkWrite(
      ids(bulk).map((_id) => ({
        updateOne: { filter: { _id }, update: { $set: { '_d.r': fields(_id), _b: line } }, upsert: true },
      })),
      { ordered: false },
    ),
  ),
);
await rated('findOne by _id', READS, async () => {
  for (let i = 0; i < READS; i += 4)
    await Promise.all([0, 1, 2, 3].map((j) => collection('upserted').findOne({ _id: idOf((i + j) % count) })));
});
await db.dropDatabase();
await client.close();
if (process.argv.includes('--json')) console.log(JSON.stringify(figures));
process.exit(0);
