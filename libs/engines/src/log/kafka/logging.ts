import kafkajs from 'kafkajs';
import type { logCreator as LogCreator } from 'kafkajs';
import type { KafkaLogger } from './options.ts';

/** One line of kafkajs's log, as far as it may be seen. */
export interface LogEntry {
  readonly message: string;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  readonly groupId?: string | undefined;
  /** kafkajs's words for an error of the protocol. Not logged. */
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
/** A broker that answers "not now" is asked again. Faults that stay are reported by `failure` and by exceptions. */
const PASSING =
  /^Response Metadata|^Response (Fetch|Heartbeat|JoinGroup|SyncGroup|OffsetCommit|FindCoordinator|GroupCoordinator)/;

/**
 * kafkajs's log as lines of ours. Its texts and fields can quote messages, keys and stacks: what looks like a quotation
 * is cut off, and of the fields only names of brokers, groups, topics and error types pass. `onLog` sees every line:
 * some events of kafkajs are told in no other way.
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
        groupId: text(groupId),
        error: text(error),
      });
      if (logger === undefined) return;
      const fields = {
        ...only({ broker, groupId, topic, partition, retryCount }),
        ...(error instanceof Error && { errorType: (error as { type?: string }).type ?? error.name }),
      };
      const message = `kafkajs ${namespace}: ${log.message.replace(/["'`{[].*/su, '…').slice(0, MAX_TEXT)}`;
      // A fault that kafkajs handles itself is not an error of ours: those are reported by `failure` and by exceptions.
      if (level <= kafkajs.logLevel.WARN && !PASSING.test(log.message)) logger.warn(fields, message);
      else logger.debug(fields, message);
    };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const only = (fields: Record<string, unknown>): object =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
  );
