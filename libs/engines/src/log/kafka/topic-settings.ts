import type { TopicDefinition } from '../topics.ts';

/** More than the bytes of a record batch with one record beside its value, key and headers. */
const FRAME_BYTES = 64 * 1024;

/** Kafka's settings of a topic. */
export function settingsFor(topic: TopicDefinition): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': topic.compacted ? 'compact' : 'delete',
    'retention.ms': topic.retentionMs === 'unlimited' ? '-1' : String(topic.retentionMs),
    // No removal by size, because retention guarantees a time.
    'retention.bytes': '-1',
    'min.insync.replicas': String(topic.minInsyncReplicas),
    'max.message.bytes': String(topic.maxMessageBytes + FRAME_BYTES),
    // A record has the time of its append, because retention counts from it and producers' clocks may be wrong.
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': 'false',
  };
}

const endless = (value: string): number => (Number(value) < 0 ? Infinity : Number(value));

/**
 * Whether a change of a setting is safe: retention and sizes only grow, acknowledgements need more replicas, and a
 * topic does not become compacted. Partitions and replicas never change in place.
 */
export function safe(setting: string, from: string, to: string): boolean {
  switch (setting) {
    case 'retention.ms':
    case 'retention.bytes':
      return endless(to) >= endless(from);
    case 'max.message.bytes':
    case 'min.insync.replicas':
      return Number(to) >= Number(from);
    case 'cleanup.policy':
      return to === 'delete';
    case 'partitions':
    case 'replication':
      return false;
    default:
      return true;
  }
}
