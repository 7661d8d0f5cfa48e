import { setTimeout as delay } from 'node:timers/promises';
import { type Db, MongoBulkWriteError, type MongoClient, MongoError, MongoServerError } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';
import { DUPLICATE, mongoClient, type MongoOptions, SELECTION_MS } from '../../mongo/client.ts';

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

/** Codes that a repetition would get again: BadValue, FailedToParse, TypeMismatch, too large, … */
const OURS = new Set([2, 9, 14, 28, 40, 52, 57, 66, 10334, 17419, 17420]);

/** Whether a document would exceed 16 MiB. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof MongoServerError && (error.code === 10334 || error.code === 17419 || error.code === 17420);
/** Indexes of the operations of an unordered bulk with a duplicate key; throws if there is any other failure. */
export function duplicatesOf(error: unknown): readonly number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0 || errors.some((e) => e.code !== DUPLICATE)) throw error;
  return errors.map((e) => e.index);
}

/**
 * Turns errors of the driver into errors of the port, without the message, which may have keys and values. A refusal
 * that a repetition would get again is a bug. Any other error is a fault of the engine.
 */
function asFault(error: unknown): unknown {
  if (!(error instanceof MongoError)) {
    // Driver 7.9 throws the system error unchanged if a socket fails during a write.
    const { syscall, code } = error as NodeJS.ErrnoException;
    return syscall !== undefined && code !== undefined
      ? new EngineUnavailable(`the state store is away (${code})`)
      : error;
  }
  const code = error instanceof MongoServerError && typeof error.code === 'number' ? error.code : undefined;
  if (code !== undefined && OURS.has(code)) return new Error(`the state store refused a command (code ${code})`);
  return new EngineUnavailable(`the state store is away (${code === undefined ? error.name : `code ${code}`})`);
}

/** Runs a call of the driver with errors of the port. `expected` errors pass unchanged. */
export async function guarded<T>(
  call: () => Promise<T>,
  expected: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw expected(error) ? error : asFault(error);
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
      return await call();
    } catch (error) {
      const pause = PAUSES_MS[attempt];
      if (!(error instanceof EngineUnavailable) || pause === undefined || performance.now() - start > REPEAT_WITHIN_MS)
        throw error;
      await delay(pause);
    }
  }
}
