import type { Logger } from '@provider-access/service/observability';
import { isEngineAway, traceOf } from './faults.ts';

/** The part of `process` that is needed; tests bring their own. */
export interface Signals {
  on(event: string, listener: (...args: never[]) => void): unknown;
  exit(code: number): void;
}

/** This process. */
const PROCESS: Signals = {
  on: (event, listener) => process.on(event, listener as () => void),
  exit: (code) => process.exit(code),
};

const CODES = { SIGTERM: 143, SIGINT: 130 } as const;

/**
 * SIGTERM and SIGINT stop the service and end the process with 0. A second signal ends it at once. A stop that takes
 * longer than `withinMs` ends it with 1; other processes then take over unfinished work.
 */
export function endOnSignals(options: {
  readonly stop: () => Promise<void>;
  readonly withinMs: number;
  readonly logger: Logger;
  readonly signals?: Signals;
}): void {
  const { stop, withinMs, logger } = options;
  const signals = options.signals ?? PROCESS;
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
 * An unhandled rejection does not end the process, because a client library that loses its connection must not end the
 * service. Readiness shows what is unreachable and liveness what stands still. The log line tells whether it is an
 * engine's fault or a bug. An uncaught exception ends the process unless it comes from a socket, because work that was
 * interrupted may be inconsistent.
 */
export function surviveRejections(logger: Logger, signals: Signals = PROCESS): void {
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
