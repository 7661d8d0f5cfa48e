import { setTimeout as delay } from 'node:timers/promises';
import type { Db, MongoClient } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';
import { mongoClient, type MongoOptions, SELECTION_MS } from '../../mongo/client.ts';
import { mongoFault } from '../../mongo/faults.ts';

/** A pool of connections. Throws EngineUnavailable if no primary answers. */
export async function connect(options: MongoOptions): Promise<{ client: MongoClient; db: Db }> {
  const writeConcern = { wtimeoutMS: 5000, ...options.writeConcern };
  const client = mongoClient(
    { ...options, writeConcern },
    {
      appName: options.appName ?? 'provider-access',
      waitQueueTimeoutMS: 2 * (options.serverSelectionTimeoutMs ?? SELECTION_MS),
    },
  );
  try {
    await guarded(() => client.connect());
  } catch (error) {
    await client.close().catch(() => {});
    throw error;
  }
  return { client, db: client.db(options.database) };
}

/** Runs a call of the driver with errors of the port. */
export async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw mongoFault(error, 'state store');
  }
}

/** A longer call is not repeated, because its caller has waited long enough. */
const REPEAT_WITHIN_MS = 2000;
const PAUSES_MS = [20, 100, 400];

/**
 * Repeats a call that is idempotent or recognises its own earlier attempt by an operation id in the document. The
 * driver repeats a write only once, and only a server that knows the session recognises it. Throws EngineUnavailable in
 * the end.
 */
export async function repeated<T>(call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  for (let attempt = 0; ; attempt++) {
    try {
      return await guarded(call);
    } catch (error) {
      const pause = PAUSES_MS[attempt];
      if (!(error instanceof EngineUnavailable) || pause === undefined || performance.now() - start > REPEAT_WITHIN_MS)
        throw error;
      await delay(pause);
    }
  }
}
