import { randomUUID } from 'node:crypto';
import { sharedMongo } from '@provider-access/testing';
import { MongoClient } from 'mongodb';
import { viewsContract } from '../contract/index.ts';
import { openMongoViews } from './index.ts';

viewsContract('mongo', async () => {
  const { uri } = await sharedMongo();
  const options = { uri, database: `views_${randomUUID()}`, applyIndexes: true, registryTtlMs: 100 };
  let views = await openMongoViews(options);
  return {
    views,
    reopen: async () => {
      await views.close();
      return (views = await openMongoViews(options));
    },
    close: async () => {
      await views.close();
      const client = new MongoClient(uri);
      await client.db(options.database).dropDatabase();
      await client.close();
    },
  };
});
