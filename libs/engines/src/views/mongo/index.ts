import type { Views } from '../port.ts';
import { viewsOver } from '../reader.ts';
import { Calls } from './faults.ts';
import { clientOf, deadlineOf, type MongoViewsOptions } from './options.ts';
import { MongoStore } from './store.ts';

export type { MongoOptions, MongoViewsOptions } from './options.ts';
export { applyViews, planViews } from './plan.ts';
export type { PlannedIndex } from '../../mongo/indexes.ts';

/** Views in a MongoDB database. Rejects with EngineUnavailable if the server cannot be reached. */
export async function openMongoViews(options: MongoViewsOptions): Promise<Views> {
  const client = clientOf(options);
  try {
    await new Calls(deadlineOf(options)).calling('views', () => client.db(options.database).command({ ping: 1 }));
  } catch (error) {
    await client.close();
    throw error;
  }
  return viewsOver(new MongoStore(client, options), { module: import.meta.url, options });
}

/**
 * For worker threads: connects at its first read. `options` is what `Views.remote` carries.
 *
 * @public a worker loads it by name
 */
export function openReader(options: MongoViewsOptions): Views {
  const store = new MongoStore(clientOf({ maxPoolSize: 4, ...options }), { ...options, applyIndexes: false });
  return viewsOver(store, { module: import.meta.url, options });
}
