import { PAYER_TOPICS } from '@provider-access/events';

const MIB = 1024 * 1024;
export const DEFAULT_MAX_RECORD_BYTES = 6 * MIB;

/**
 * Inbound topics take `max`; our own take twice that and a little: whatever was accepted must also fit when it is
 * parked (base64) or recorded (a line inside JSON). Kafka: `max.message.bytes` per topic.
 */
export function recordLimit(max: number = DEFAULT_MAX_RECORD_BYTES): (topic: string) => number {
  const inbound = new Set<string>(PAYER_TOPICS);
  return (topic) => (inbound.has(topic) ? max : 2 * max + MIB);
}
