import { tcpProxy } from '@provider-access/testing';
import type { ViewsHarness } from '../../../src/views/contract/index.ts';
import { openMongoViews } from '../../../src/views/mongo/index.ts';
import { testDatabase } from './database.ts';

/** A database behind a proxy for one test of the contract. */
export async function openHarness(): Promise<ViewsHarness> {
  const database = await testDatabase();
  const proxy = await tcpProxy({ target: { port: Number(new URL(database.options.uri).port) } });
  const options = {
    ...database.options,
    uri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
    // Through the proxy, hundreds of finds at the same time wait longer for a connection on a busy machine.
    serverSelectionTimeoutMs: 15_000,
  };
  let views = await openMongoViews(options);
  return {
    views,
    reopen: async () => {
      await views.close();
      return (views = await openMongoViews(options));
    },
    another: () => openMongoViews(options),
    remember: async () => {
      const forget = await database.remember();
      // A server that lost data was away, so every connection to it has ended.
      return async () => {
        await proxy.refuse();
        proxy.cut();
        await forget();
        await proxy.accept();
      };
    },
    close: async () => {
      await views.close();
      await proxy.close();
      await database.drop();
    },
  };
}
