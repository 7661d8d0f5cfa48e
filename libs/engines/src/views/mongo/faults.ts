import { setTimeout as delay } from 'node:timers/promises';
import { within } from '@provider-access/kernel';
import { MongoBulkWriteError, MongoError, MongoServerError } from 'mongodb';
import { EngineUnavailable } from '../../log/index.ts';

/**
 * Turns errors of the driver into errors of the port. A text of the server may quote documents and keys (a duplicate
 * key does), so only names and codes are passed on.
 */

const CURSOR_GONE = new Set([43, 237]);
/** BSONObjectTooLarge, and the codes of updates that would make a document too large. */
const TOO_LARGE = new Set([10334, 17419, 17420, 17280]);
/**
 * Not primary, shutting down, recovering, interrupted, timeouts, write concern not met, no snapshot, too many tickets.
 * Any other code is a bug or a refusal of the operation.
 */
const AWAY = new Set([
  6, 7, 24, 46, 50, 63, 64, 79, 89, 91, 100, 112, 133, 134, 150, 175, 189, 202, 225, 234, 246, 262, 276, 290, 314, 317,
  325, 326, 358, 384, 402, 9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436,
]);

const codeOf = (error: unknown): number | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
};

const isCursorGone = (error: unknown): boolean => CURSOR_GONE.has(codeOf(error) ?? -1);
export const isTooLarge = (code: number | undefined): boolean => code !== undefined && TOO_LARGE.has(code);
export const isAwayCode = (code: number): boolean => AWAY.has(code);

/**
 * Returns the error of the port for an error of the driver, and any other error unchanged. `view` is a collection name.
 */
export function asFault(error: unknown, view: string): unknown {
  if (!(error instanceof MongoError) && !isSystemError(error)) return error;
  const code = codeOf(error);
  if (error instanceof MongoServerError && !(error instanceof MongoBulkWriteError)) {
    if (code !== undefined && !AWAY.has(code) && !CURSOR_GONE.has(code) && !retriable(error))
      return new Error(
        `${view}: the view store refused an operation (MongoDB ` +
          `${code}${error.codeName === undefined ? '' : ` ${error.codeName}`})`,
      );
  }
  return new EngineUnavailable(
    `the view store is away (${(error as Error).name}${code === undefined ? '' : ` ${code}`})`,
  );
}

/** The driver sometimes throws an error of the socket unchanged. */
const isSystemError = (error: unknown): boolean =>
  error instanceof Error &&
  typeof (error as NodeJS.ErrnoException).code === 'string' &&
  (error as NodeJS.ErrnoException).syscall !== undefined;

const retriable = (error: MongoError): boolean =>
  error.hasErrorLabel('RetryableWriteError') ||
  error.hasErrorLabel('RetryableError') ||
  error.hasErrorLabel('TransientTransactionError');

/**
 * Runs calls of the driver, each with a deadline. Driver 7.9 sometimes never answers a find whose server is killed (-9)
 * in the middle, whatever the socket timeout. A call that was given up may still arrive at the server, so every write
 * here is conditional.
 */
export class Calls {
  readonly #deadlineMs: number;

  /** 0 means no deadline. */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#deadlineMs === 0) return work();
    return within(this.#deadlineMs, work, () => {
      throw new EngineUnavailable('the view store is away (no answer)');
    });
  }

  async calling<T>(view: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.within(work);
    } catch (error) {
      throw asFault(error, view);
    }
  }

  /**
   * A read. It is repeated if its cursor was lost or its idle connection turned out to be closed, because the driver
   * retries only its own errors.
   */
  asking<T>(view: string, work: () => Promise<T>): Promise<T> {
    return this.calling(view, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work();
        } catch (error) {
          if (attempt === 3 || !(isCursorGone(error) || isSystemError(error))) throw error;
          await delay(5); // the other idle connections are closed too, and the pool learns it in a later turn
        }
      }
    });
  }
}
