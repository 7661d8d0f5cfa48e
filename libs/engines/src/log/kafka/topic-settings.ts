import type { TopicDefinition } from '../topics.ts';

/** What a record batch of one record has beside its value, key and header texts: more than that is never needed. */
const FRAME_BYTES = 64 * 1024;

/** Kafka's settings of a topic. */
export function settingsFor(topic: TopicDefinition): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': topic.compacted ? 'compact' : 'delete',
    'retention.ms': topic.retentionMs === 'unlimited' ? '-1' : String(topic.retentionMs),
    // By size nothing goes: retention is a promise about time.
    'retention.bytes': '-1',
    'min.insync.replicas': String(topic.minInsyncReplicas),
    'max.message.bytes': String(topic.maxMessageBytes + FRAME_BYTES),
    // A record's time is that of its append, whatever its producer's clock says: retention counts from it.
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': 'false',
  };
}

const endless = (value: string): number => (Number(value) < 0 ? Infinity : Number(value));

/**
 * Whether changing a setting can lose nothing: retention and sizes only grow, acknowledgements only get safer, a log
 * does not become compacted.
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
    default:
      return true;
  }
}
