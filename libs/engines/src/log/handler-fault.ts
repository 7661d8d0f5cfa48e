import { EngineUnavailable } from './port.ts';

/** The text that may be reported of a handler's error. Messages may quote data, so only those of the engine count. */
export const handlerFault = (error: unknown): string =>
  error instanceof EngineUnavailable ? error.message : error instanceof Error ? error.name : 'an unknown error';
