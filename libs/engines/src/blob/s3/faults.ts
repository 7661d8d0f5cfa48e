import { EngineUnavailable } from '../../log/index.ts';
import { BlobStoreFull } from '../port.ts';

interface SdkError {
  readonly name?: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Codes of S3-compatible stores (MinIO, Ceph, others) for a full store, beside the status 507. */
const FULL =
  /^((XMinio)?StorageFull|InsufficientStorage|(XMinioAdminBucket|Storage|Service)?QuotaExceeded(Exception)?)$/;
/** Names of errors that are bugs, and not faults of the network. */
const BUGS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

export function isMissing(error: unknown): boolean {
  const { name } = error as SdkError;
  return name === 'NoSuchKey' || name === 'NotFound';
}

/** Turns an error of the SDK into one of the port, with the store's code and without its message, which has keys. */
export function asFault(error: unknown): Error {
  const { name = 'Error', code, $metadata } = error as SdkError;
  if (error instanceof BlobStoreFull || error instanceof EngineUnavailable) return error;
  if (error instanceof Error && BUGS.has(name) && $metadata === undefined && code === undefined) return error;
  if ($metadata?.httpStatusCode === 507 || FULL.test(name)) return new BlobStoreFull('the file store is full');
  return new EngineUnavailable(`the file store is away (${typeof code === 'string' ? code : name})`);
}

/** A call of the SDK with errors of the port. `missing` gives the result for a missing object. */
export async function guarded<T, M = never>(call: Promise<T>, missing?: () => M): Promise<T | M> {
  try {
    return await call;
  } catch (error) {
    if (missing !== undefined && isMissing(error)) return missing();
    throw asFault(error);
  }
}
