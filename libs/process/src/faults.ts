import { ConfigurationError } from '@provider-access/service/config';
import { EngineUnavailable } from '@provider-access/engines/log';

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_SOCKET_CLOSED',
]);

/** Whether an error means that an engine is unreachable or slow, rather than a fault of this process. */
export function isEngineAway(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof EngineUnavailable || at.name === 'EngineUnavailable') return true;
    if (/^(KafkaJS|Mongo)/.test(at.name) || NETWORK.has((at as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}

/** Errors for which a start cannot succeed until somebody changes something. Their message is a sentence. */
const FINAL = new Set(['ConfigurationError', 'MissingIndexes', 'EnsureError']);

/** A fault of the configuration, or a missing result of an administration step. The start ends with its sentence. */
export function isConfigurationFault(error: unknown): error is Error {
  return error instanceof ConfigurationError || (error instanceof Error && FINAL.has(error.name));
}

/** Where an unexpected error comes from, without its message, which may quote data. */
export const traceOf = (error: unknown): { readonly error: string; readonly stack?: string } => ({
  error: error instanceof Error ? error.name : typeof error,
  ...(error instanceof Error && {
    stack: (error.stack ?? '')
      .split('\n')
      .slice(1, 6)
      .map((line) => line.trim())
      .join(' | '),
  }),
});

/**
 * Why an engine is unreachable, if that is known. Errors of the log and the stores have no data; messages of other
 * errors are left out.
 */
export const reasonOf = (error: unknown): string =>
  error instanceof EngineUnavailable ? error.message : traceOf(error).error;
