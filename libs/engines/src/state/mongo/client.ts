import { setTimeout as delay } from 'node:timers/promises';
import { MongoBulkWriteError, MongoError, MongoServerError } from 'mongodb';
import type { Db, MongoClient } from 'mongodb';
import { EngineUnavailable } from '@provider-access/engines/log';
import { mongoClient, SELECTION_MS } from '../../mongo/client.ts';
import type { MongoOptions } from '../../mongo/client.ts';

/** A pool of connections; throws EngineUnavailable when no primary answers. */
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

const DUPLICATE = 11000;
/** The command or the document is wrong, whenever it is sent: BadValue, FailedToParse, TypeMismatch, too large, … */
const OURS = new Set([2, 9, 14, 28, 40, 52, 57, 66, 10334, 17419, 17420]);

export const isDuplicate = (error: unknown): boolean => error instanceof MongoServerError && error.code === DUPLICATE;
/** A document that would pass 16 MiB. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof MongoServerError && (error.code === 10334 || error.code === 17419 || error.code === 17420);
/**
 * Indexes of the operations of an unordered bulk that met a document of another; throws for any other failure among
 * them.
 */
export function duplicatesOf(error: unknown): readonly number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0 || errors.some((e) => e.code !== DUPLICATE)) throw error;
  return errors.map((e) => e.index);
}

/**
 * Turns errors of the driver into errors of the port. A driver's message can name keys and values, so only its kind and
 * code are passed on. A refusal that every repetition would get again is a bug; everything else is the engine's fault.
 */
function asFault(error: unknown): unknown {
  if (!(error instanceof MongoError)) {
    // A socket that dies while a command is written: driver 7.9 lets the system's error through as it is.
    const { syscall, code } = error as NodeJS.ErrnoException;
    return syscall !== undefined && code !== undefined
      ? new EngineUnavailable(`the state store is away (${code})`)
      : error;
  }
  const code = error instanceof MongoServerError && typeof error.code === 'number' ? error.code : undefined;
  if (code !== undefined && OURS.has(code)) return new Error(`the state store refused a command (code ${code})`);
  return new EngineUnavailable(`the state store is away (${code === undefined ? error.name : `code ${code}`})`);
}

/**
 * Runs a call of the driver; EngineUnavailable for an engine that is away. `expected` errors come through as they are.
 */
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

/** A call that took longer is not repeated, because its caller has waited long enough. */
const REPEAT_WITHIN_MS = 2000;
const PAUSES_MS = [20, 100, 400];

/**
 * Repeats a call that can recognise its own earlier attempt (an operation id in the document, or the same outcome
 * twice). The driver repeats a write once, and only a server that remembers the session recognises it. Gives up with
 * EngineUnavailable.
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

const SEPARATOR = '\n';
/** The `_id` of a thing with a name of two parts. The first part is a name in the code and has no line break. */
export function idOf(group: string, name: string): string {
  if (group.includes(SEPARATOR)) throw new Error('a namespace, queue or group holds no line break');
  return `${group}${SEPARATOR}${name}`;
}
