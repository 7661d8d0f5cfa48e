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

/** Whether an error says that an engine is away or slow, rather than that something is wrong here. */
export function isEngineAway(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof EngineUnavailable || at.name === 'EngineUnavailable') return true;
    if (/^(KafkaJS|Mongo)/.test(at.name) || NETWORK.has((at as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}

/**
 * Errors that say themselves that a start cannot succeed until somebody changes something; their message is a sentence.
 */
const FINAL = new Set(['ConfigurationError', 'MissingIndexes', 'EnsureError']);

/** A fault of configuration, or of what an administration step should have made: the start ends with its sentence. */
export function isConfigurationFault(error: unknown): error is Error {
  return error instanceof ConfigurationError || (error instanceof Error && FINAL.has(error.name));
}

/** Where an unexpected error comes from, without its words: they may quote data. */
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
 * Why an engine is away, as far as it can be told: the log's and the stores' own words are free of data, others are not
 * taken.
 */
export const reasonOf = (error: unknown): string =>
  error instanceof EngineUnavailable ? error.message : traceOf(error).error;
