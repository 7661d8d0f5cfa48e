import { MongoClient } from 'mongodb';
import type { Kept } from '../bytes.ts';

/** The bytes of each collection and index in the databases of deployments. */
export async function collectionsOf(uri: string): Promise<Kept> {
  const client = await MongoClient.connect(uri);
  try {
    const { databases } = await client.db().admin().listDatabases();
    const found: Kept[number][] = [];
    for (const { name } of databases.filter((database) => database.name.startsWith('e2e'))) {
      const database = client.db(name);
      for (const collection of await database.listCollections({}, { nameOnly: true }).toArray()) {
        const stats = await database.command({ collStats: collection.name });
        found.push({ what: `MongoDB: ${collection.name}`, bytes: Number(stats['storageSize']) });
        for (const [index, size] of Object.entries((stats['indexSizes'] ?? {}) as Record<string, number>))
          found.push({ what: `MongoDB: ${collection.name}, index ${index}`, bytes: Number(size) });
      }
    }
    return found;
  } finally {
    await client.close();
  }
}
