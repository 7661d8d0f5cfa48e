import { PA_SERVICE_LEVELS, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { ConsumerGroup } from '@provider-access/engines/log';

/**
 * Small enough that a batch blocks the event loop for some milliseconds only, and larger than the quarter of a large
 * append that a partition gets, so that few records are left over.
 */
export const BATCH_EVENTS = 700;

/** The consumer groups of resources, without those of its views. */
export const SUBSCRIPTIONS = {
  intake: { group: 'resources-intake', topics: [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS], maxRecords: BATCH_EVENTS },
  /** Claims that intake has started to record. The batches are small, so that no claim waits for much later ones. */
  levels: { group: 'resources-service-levels', topics: [PA_SERVICE_LEVELS], maxRecords: 20 },
} as const satisfies Readonly<Record<string, ConsumerGroup>>;
