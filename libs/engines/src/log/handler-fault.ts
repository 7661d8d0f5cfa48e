import { EngineUnavailable } from './port.ts';

/** The text to report for a handler's error. Only messages of the engine are safe, because others may quote data. */
export const handlerFault = (error: unknown): string =>
  error instanceof EngineUnavailable ? error.message : error instanceof Error ? error.name : 'an unknown error';
