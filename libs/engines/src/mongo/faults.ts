import { MongoBulkWriteError, MongoError, MongoServerError } from 'mongodb';
import { EngineUnavailable } from '../log/index.ts';

/**
 * Turns errors of the driver into errors of the ports. A text of the server may quote documents and keys (a duplicate
 * key does), so only names and codes are passed on.
 */

const DUPLICATE = 11000;
const CURSOR_GONE = new Set([43, 237]);
/** BSONObjectTooLarge, and the codes of updates that would make a document too large. */
const TOO_LARGE = new Set([10334, 17419, 17420, 17280]);
/**
 * Not primary, shutting down, recovering, interrupted, timeouts, write concern not met, no snapshot, too many tickets,
 * no memory or disk for now, temporarily unavailable, signing keys of a cluster not there yet.
 * Any other code is a bug or a refusal of the operation.
 */
const AWAY = new Set([
  6, 7, 24, 46, 50, 63, 64, 79, 89, 91, 100, 112, 133, 134, 146, 150, 175, 189, 202, 211, 225, 234, 246, 262, 276, 290,
  314, 317, 325, 326, 358, 365, 384, 402, 9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031,
]);

const codeOf = (error: unknown): number | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
};

export const isDuplicate = (error: unknown): boolean => codeOf(error) === DUPLICATE;
export const isCursorGone = (error: unknown): boolean => CURSOR_GONE.has(codeOf(error) ?? -1);
export const isTooLarge = (error: unknown): boolean => TOO_LARGE.has(codeOf(error) ?? -1);
export const isAway = (error: unknown): boolean => AWAY.has(codeOf(error) ?? -1);

/** The driver sometimes throws an error of the socket unchanged. */
export const isSystemError = (error: unknown): boolean =>
  error instanceof Error &&
  typeof (error as NodeJS.ErrnoException).code === 'string' &&
  (error as NodeJS.ErrnoException).syscall !== undefined;

const RETRIABLE = ['RetryableWriteError', 'RetryableError', 'TransientTransactionError'];

/**
 * Returns the error of the port for an error of the driver, and any other error unchanged.
 * @param collection of an operation that the server refused
 */
export function mongoFault(error: unknown, store: 'state store' | 'view store', collection?: string): unknown {
  if (!(error instanceof MongoError) && !isSystemError(error)) return error;
  const code = codeOf(error);
  // A bulk with duplicates comes here if its write concern was not met, or after a race of upserts.
  const isRefused =
    error instanceof MongoServerError &&
    code !== undefined &&
    !(error instanceof MongoBulkWriteError && code === DUPLICATE) &&
    !AWAY.has(code) &&
    !CURSOR_GONE.has(code) &&
    !RETRIABLE.some((label) => error.hasErrorLabel(label));
  if (isRefused) {
    const name = error.codeName === undefined ? '' : ` ${error.codeName}`;
    const where = collection === undefined ? '' : `${collection}: `;
    return new Error(`${where}the ${store} refused an operation (MongoDB ${code}${name})`);
  }
  return new EngineUnavailable(
    `the ${store} is away (${(error as Error).name}${code === undefined ? '' : ` ${code}`})`,
  );
}
