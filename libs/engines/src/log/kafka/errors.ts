import { EngineUnavailable } from '../port.ts';

/** An error of kafkajs: a protocol error has a `type`, a wrapper has a `cause`. */
interface KafkaError extends Error {
  readonly type?: string;
  readonly code?: string | number;
  readonly cause?: unknown;
}

/** The error inside the wrappers of kafkajs's retries. */
export function rootCause(error: unknown): KafkaError {
  let at = error instanceof Error ? (error as KafkaError) : (new Error('unknown') as KafkaError);
  for (let depth = 0; depth < 5 && at.cause instanceof Error; depth++) at = at.cause as KafkaError;
  return at;
}

/**
 * The code of an error: the protocol's (`NOT_LEADER_FOR_PARTITION`), the system's (`ECONNREFUSED`) or the class. Never
 * a message.
 */
export function errorType(error: unknown): string {
  const { type, code, name } = rootCause(error);
  return type ?? (typeof code === 'string' ? code : name);
}

/** An error without kafkajs's message, which may quote data. */
export function unavailable(what: string, error: unknown): EngineUnavailable {
  if (error instanceof EngineUnavailable) return error;
  return new EngineUnavailable(`Kafka: ${what}: ${errorType(error)}`, { cause: error });
}

/**
 * A topic is missing, so the deployment must create it. `missingTopic` distinguishes this error from an unavailable
 * engine.
 */
export function missingTopic(name: string): EngineUnavailable & { readonly missingTopic: string } {
  return Object.assign(new EngineUnavailable(`Kafka: the topic ${name} does not exist`), { missingTopic: name });
}

/**
 * An incomplete answer, for example of a broker that has just restarted. The adapter refreshes the leaders and repeats
 * the request.
 */
export const incompleteAnswer = (): KafkaError =>
  Object.assign(new Error('an incomplete answer'), { type: 'OFFSET_NOT_AVAILABLE' });

const STALE = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_CONTROLLER',
  'REQUEST_TIMED_OUT',
]);
const REFUSED = /AUTHORIZATION|AUTHENTICATION|SASL|UNSUPPORTED|INVALID_GROUP_ID|INVALID_TOPIC/;

/** How to continue after an error of a request that may be repeated: refresh the leaders, reconnect, or give up. */
export function remedy(error: unknown): 'refresh' | 'reconnect' | 'give-up' {
  const { type, name } = rootCause(error);
  if (type !== undefined && STALE.has(type)) return 'refresh';
  if (REFUSED.test(type ?? name) || name === 'KafkaJSNotImplemented') return 'give-up';
  return 'reconnect';
}
