import { EngineUnavailable } from '@provider-access/engines/log';
import { BlobStoreFull } from '../port.ts';

interface SdkError {
  readonly name?: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Codes by which S3-compatible stores say that there is no room (MinIO, Ceph, others); 507 says it too. */
const FULL =
  /^((XMinio)?StorageFull|InsufficientStorage|(XMinioAdminBucket|Storage|Service)?QuotaExceeded(Exception)?)$/;
/** Bugs, not the network's doing. */
const BUGS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

export function isMissing(error: unknown): boolean {
  const { name } = error as SdkError;
  return name === 'NoSuchKey' || name === 'NotFound';
}

/** What the SDK throws, as the port says it: with the store's code and none of its words (they name keys). */
export function asFault(error: unknown): Error {
  const { name = 'Error', code, $metadata } = error as SdkError;
  if (error instanceof BlobStoreFull || error instanceof EngineUnavailable) return error;
  if (error instanceof Error && BUGS.has(name) && $metadata === undefined && code === undefined) return error;
  if ($metadata?.httpStatusCode === 507 || FULL.test(name)) return new BlobStoreFull('the file store takes no more');
  return new EngineUnavailable(`the file store is away (${typeof code === 'string' ? code : name})`);
}

/** A promise of the SDK's whose failure is the port's; `missing` is the answer for what is not there. */
export async function guarded<T, M = never>(call: Promise<T>, missing?: () => M): Promise<T | M> {
  try {
    return await call;
  } catch (error) {
    if (missing !== undefined && isMissing(error)) return missing();
    throw asFault(error);
  }
}
