import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mongoClient } from './client.ts';

/** What the driver keeps of the pools that a client has made. */
interface WithPools {
  readonly topology?: {
    readonly s: {
      readonly servers: ReadonlyMap<string, { readonly pool: { readonly options: Readonly<Record<string, number>> } }>;
    };
  };
}

/** The interval of the pool's timer, while the client looks for a server that is not there, ms. */
async function checkMs(minPoolSize: number): Promise<number | undefined> {
  const options = { uri: 'mongodb://127.0.0.1:1', database: 'none', minPoolSize, serverSelectionTimeoutMs: 50 };
  const client = mongoClient(options, {});
  const connecting = client.connect().catch(() => undefined);
  try {
    await once(client, 'connectionPoolCreated');
    await nextTurn();
    const [server] = (client as unknown as WithPools).topology?.s.servers.values() ?? [];
    return server?.pool.options['minPoolSizeCheckFrequencyMS'];
  } finally {
    await client.close();
    await connecting;
  }
}

test('a pool without a smallest size looks seldom for ended connections, any other as the driver does', async () => {
  expect(await checkMs(0)).toBe(2000);
  expect(await checkMs(1)).toBe(100);
});
