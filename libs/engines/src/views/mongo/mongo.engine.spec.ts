import { viewsContract } from '../contract/index.ts';
import { testDatabase } from '../../../test/views/mongo/database.ts';
import { openMongoViews } from './index.ts';

viewsContract(
  'mongo',
  async () => {
    const database = await testDatabase();
    let views = await openMongoViews(database.options);
    return {
      views,
      reopen: async () => {
        await views.close();
        return (views = await openMongoViews(database.options));
      },
      another: () => openMongoViews(database.options),
      remember: () => database.remember(),
      close: async () => {
        await views.close();
        await database.drop();
      },
    };
  },
  true,
);
