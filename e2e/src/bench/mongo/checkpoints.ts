import { MongoClient } from 'mongodb';

/** Reads the checkpoints of all views in the databases of deployments. */
export interface Checkpoints {
  /** Equal texts mean that no checkpoint has moved. */
  read(): Promise<string>;
  close(): Promise<void>;
}

export async function openCheckpoints(uri: string): Promise<Checkpoints> {
  const client = await MongoClient.connect(uri);
  return {
    async read() {
      const { databases } = await client.db().admin().listDatabases();
      const all = databases.filter(({ name }) => name.startsWith('e2e'));
      const found = all.map(({ name }) =>
        client
          .db(name)
          .collection('view_checkpoints')
          .find({}, { projection: { next: 1 }, sort: { _id: 1 } })
          .toArray(),
      );
      return JSON.stringify(await Promise.all(found));
    },
    close: () => client.close(),
  };
}
