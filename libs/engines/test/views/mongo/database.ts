import { randomUUID } from 'node:crypto';
import { sharedMongo } from '@provider-access/testing';
import { type Db, MongoClient } from 'mongodb';
import type { MongoViewsOptions } from '../../../src/views/mongo/options.ts';

export interface TestDatabase {
  readonly options: MongoViewsOptions;
  readonly client: MongoClient;
  readonly db: Db;
  /**
   * Copies documents and checkpoints. The returned function restores them, documents first, like a primary that lost
   * its last seconds.
   */
  remember(): Promise<() => Promise<void>>;
  drop(): Promise<void>;
}

/** A database for one spec on the shared server, and a client of its own. */
export async function testDatabase(uri?: string): Promise<TestDatabase> {
  const options: MongoViewsOptions = {
    uri: uri ?? (await sharedMongo()).uri,
    database: `views_${randomUUID()}`,
    applyIndexes: true,
    registryTtlMs: 100,
  };
  const client = new MongoClient(options.uri);
  return {
    options,
    client,
    db: client.db(options.database),
    async remember() {
      const db = client.db(options.database);
      const names = (await db.listCollections().toArray())
        .map((c) => c.name)
        .filter((name) => name !== 'views')
        .sort((a, b) => Number(a === 'view_checkpoints') - Number(b === 'view_checkpoints'));
      const kept = await Promise.all(
        names.map(async (name) => ({
          collection: db.collection<{ _id: string }>(name),
          documents: await db.collection<{ _id: string }>(name).find().toArray(),
        })),
      );
      return async () => {
        for (const { collection, documents } of kept) {
          await collection.bulkWrite(
            [
              { deleteMany: { filter: { _id: { $nin: documents.map((d) => d._id) } } } },
              ...documents.map((d) => ({ replaceOne: { filter: { _id: d._id }, replacement: d, upsert: true } })),
            ],
            { ordered: true },
          );
        }
      };
    },
    async drop() {
      await client
        .db(options.database)
        .dropDatabase()
        .catch(() => undefined);
      await client.close();
    },
  };
}
