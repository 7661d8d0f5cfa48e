import { expect, test } from 'vitest';
import { answers, startMongo } from './index.ts';

test('a MongoDB-compatible server comes back on its port after kill -9', async () => {
  const mongo = await startMongo();
  expect(await answers(mongo.port)).toBe(true);
  await mongo.kill();
  expect(mongo.pid).toBeUndefined();
  expect(await answers(mongo.port)).toBe(false);
  await mongo.start();
  expect(await answers(mongo.port)).toBe(true);
  await mongo.stop();
});
