/* eslint-disable no-restricted-imports, @nx/enforce-module-boundaries -- measures the driver itself, on a server of the tests */
import { randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { sharedMongo } from '@provider-access/testing';
import type { LogRecord } from '@provider-access/eventlog';
import type { Projection } from '../src/index.ts';
import { applyViews, openMongoViews } from '../src/mongo/index.ts';
import type { ViewOp } from '../src/store.ts';

/**
 * The adapter's writes beside bare bulkWrite, the same minute, the same server (MONGODB_URI, or one started here): documents of 1 KB with
 * two indexes, 250 a bulk, four bulks at a time. Usage: node --conditions=@provider-access/source bench/mongo.ts [documents] [--bare] [--json]
 * `--bare` leaves the adapter out, `--json` ends with one line of all figures. Says nothing of MongoDB when the server is another.
 */
const flags = process.argv.slice(2).filter((a) => a.startsWith('--'));
const count = Number(process.argv.slice(2).find((a) => !a.startsWith('--')) ?? 10_000);
const BULK = 250;
const bulks = Math.ceil(count / BULK);
const { uri } = await sharedMongo();
const database = `bench_${randomBytes(4).toString('hex')}`;
const client = new MongoClient(uri, { writeConcern: { w: 'majority', j: true } });
const db = client.db(database);
/** Documents a second by what was measured. */
const figures: Record<string, number> = {};

async function rated(what: string, documents: number, work: () => Promise<unknown>): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  figures[what] = Math.round(documents / ((performance.now() - start) / 1000));
  console.log(`${what}: ${figures[what]}/s, ${Math.round(documents / ((user + system) / 1e6))} a CPU second`);
}
/** Four writers, each awaiting its bulk. */
const write = (call: (bulk: number) => Promise<unknown>) => Promise.all([0, 1, 2, 3].map(async (writer) => {
  for (let bulk = writer; bulk < bulks; bulk += 4) await call(bulk);
}));
const ids = (bulk: number): string[] => Array.from({ length: BULK }, (_, i) => `member-${(bulk * BULK + i) % 97}/Observation/${bulk * BULK + i}`);
const body = 'x'.repeat(1_000);
const indexed = (id: string) => ({ member: id.split('/')[0]!, day: `2026-01-${10 + (id.length % 20)}` });

for (const name of ['inserted', 'upserted']) {
  await db.collection(name).createIndex({ '_d.r.member': 1, _id: 1 });
  await db.collection(name).createIndex({ '_d.r.day': 1, _id: 1 });
}
const inserted = db.collection<{ _id: string }>('inserted');
await rated('bulkWrite of inserts, bare', count, () => write((bulk) => inserted.bulkWrite(ids(bulk).map((_id) => ({ insertOne: { document: { _id, _d: { r: indexed(_id) }, _b: body } } })), { ordered: false })));
const upserted = db.collection<{ _id: string; at: number }>('upserted');
await rated('bulkWrite of conditional upserts, bare', count, () => write((bulk) => upserted.bulkWrite(ids(bulk).map((_id) => ({
  updateOne: { filter: { _id, $or: [{ at: { $lt: bulk } }, { at: null as never }] }, update: { $set: { '_d.r': indexed(_id), _b: body, at: bulk } }, upsert: true },
})), { ordered: false })));
await rated('reads by _id, bare', 2_000, async () => {
  for (let i = 0; i < 2_000; i += 4) await Promise.all([0, 1, 2, 3].map((j) => upserted.findOne({ _id: ids(i % bulks)[j]! })));
});

if (!flags.includes('--bare')) {
  const evolve = { part: 'r', keys: (record: LogRecord) => [record.key], evolve: () => undefined };
  const projection: Projection = { owner: 'bench', name: 'records', version: 1, topics: { 'pa.bench': evolve }, indexes: [{ name: 'by_member', fields: ['r.member'] }, { name: 'by_day', fields: ['r.day'] }], bodies: ['r.line'] };
  await applyViews({ uri, database }, [projection]);
  const views = await openMongoViews({ uri, database });
  await views.store.ensure(projection);
  const op = (bulk: number) => (id: string): ViewOp => ({ id, part: 'r', partition: bulk % 4, offset: bulk, value: { ...indexed(id), line: body } });
  await rated('operations, adapter', count, () => write((bulk) => views.store.apply(projection, 'live', ids(bulk).map(op(bulk)))));
  await views.close();
}
await db.dropDatabase();
await client.close();
if (flags.includes('--json')) console.log(JSON.stringify(figures));
process.exit(0);
