import type { Logger } from '@provider-access/service/observability';
import { isEngineAway, traceOf } from './faults.ts';

/** What of `process` is needed: tests bring their own. */
export interface Signals {
  on(event: string, listener: (...args: never[]) => void): unknown;
  exit(code: number): void;
}

const CODES = { SIGTERM: 143, SIGINT: 130 } as const;

/**
 * SIGTERM and SIGINT stop what runs and end with 0; a second signal ends at once, and so does a stop that takes longer
 * than `withinMs` (with 1: what was not handed back is taken over by others).
 */
export function endOnSignals(options: {
  readonly stop: () => Promise<void>;
  readonly withinMs: number;
  readonly logger: Logger;
  readonly signals?: Signals;
}): void {
  const { stop, withinMs, logger } = options;
  const signals = options.signals ?? (process as Signals);
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    signals.on(signal, () => {
      if (stopping) return signals.exit(CODES[signal]);
      stopping = true;
      logger.info({ signal }, 'stopping');
      const late = setTimeout(() => {
        logger.error({ ms: withinMs }, 'the stop took too long');
        signals.exit(1);
      }, withinMs);
      stop()
        .then(
          () => signals.exit(0),
          (error: unknown) => {
            logger.error(traceOf(error), 'the stop failed');
            signals.exit(1);
          },
        )
        .finally(() => clearTimeout(late));
    });
  }
}

/**
 * A rejection that nobody handles does not end the process: a client library that loses its connection must not take
 * the service with it; readiness shows what is away and liveness what stands still. It is logged as what it is: an
 * engine's, or a bug. An exception that nobody catches ends it, unless it is a socket's: what was in the middle of
 * something is not sound.
 */
export function surviveRejections(logger: Logger, signals: Signals = process as Signals): void {
  signals.on('unhandledRejection', (error: unknown) => {
    if (isEngineAway(error)) logger.warn(traceOf(error), 'an engine is away');
    else logger.error(traceOf(error), 'a rejection was not handled');
  });
  signals.on('uncaughtException', (error: unknown) => {
    if (isEngineAway(error)) return logger.warn(traceOf(error), 'an engine is away');
    logger.error(traceOf(error), 'an exception was not caught');
    signals.exit(1);
  });
}
