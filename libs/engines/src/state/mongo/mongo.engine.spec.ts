import { randomUUID } from 'node:crypto';
import { sharedMongo } from '@provider-access/testing';
import { MongoClient } from 'mongodb';
import { stateContract } from '../contract/index.ts';
import { openMongoState } from './index.ts';

stateContract('mongo', async () => {
  const { uri } = await sharedMongo();
  const database = `state_${randomUUID().slice(0, 8)}`;
  return {
    durable: true,
    open: (options) =>
      openMongoState({ uri, database, applyIndexes: true, relayPollMs: 5, relaySweepMs: 20, ...options }),
    close: async () => {
      const client = await new MongoClient(uri).connect();
      await client.db(database).dropDatabase();
      await client.close();
    },
  };
});
