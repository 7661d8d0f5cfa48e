import kafkajs, { type logCreator as LogCreator } from 'kafkajs';
import type { KafkaLogger } from './options.ts';

/** The safe part of a line of kafkajs's log. */
export interface LogEntry {
  readonly message: string;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  /** kafkajs's sentence for a protocol error. It is not logged. */
  readonly error?: string | undefined;
}

const MAX_TEXT = 160;
/**
 * Warnings that kafkajs logs about every client with limited retries, about every producer, and about a client that the
 * adapter ends itself. They are expected.
 */
const EXPECTED = new RegExp(
  '^Limiting retries for the idempotent producer|^KafkaJS v2\\.0\\.0 switched default partitioner|' +
    'this client was retired|this fetch was given up',
);
/** kafkajs repeats these requests itself. `failure` and exceptions report a lasting fault. */
const PASSING =
  /^Response Metadata|^Response (Fetch|Heartbeat|JoinGroup|SyncGroup|OffsetCommit|FindCoordinator|GroupCoordinator)/;

/**
 * Writes kafkajs's log to our logger. Its texts and fields can quote messages, keys and stacks. So a text is cut at the
 * first quotation, and only fields with names of brokers, groups, topics and error types pass. `onLog` gets every line,
 * because kafkajs reports some events only in its log.
 */
export function logCreator(logger: KafkaLogger | undefined, onLog?: (entry: LogEntry) => void): LogCreator {
  return () =>
    ({ namespace, level, log }) => {
      if (EXPECTED.test(log.message)) return;
      const { broker, groupId, topic, partition, retryCount, error } = log as Record<string, unknown>;
      onLog?.({
        message: log.message,
        topic: text(topic),
        partition: typeof partition === 'number' ? partition : undefined,
        error: text(error),
      });
      if (logger === undefined) return;
      const fields = {
        ...only({ broker, groupId, topic, partition, retryCount }),
        ...(error instanceof Error && { errorType: (error as { type?: string }).type ?? error.name }),
      };
      const message = `kafkajs ${namespace}: ${log.message.replace(/["'`{[].*/su, '…').slice(0, MAX_TEXT)}`;
      // kafkajs's errors are only warnings here. `failure` and exceptions report the faults that kafkajs cannot handle.
      if (level <= kafkajs.logLevel.WARN && !PASSING.test(log.message)) logger.warn(fields, message);
      else logger.debug(fields, message);
    };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const only = (fields: Record<string, unknown>): object =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
  );
