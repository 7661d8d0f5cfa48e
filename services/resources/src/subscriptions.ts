import { PA_SERVICE_LEVELS, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { BatchPattern } from '@provider-access/engines/log/transport';

/** A batch of this size blocks the event loop for a few milliseconds. */
const BATCH_EVENTS = 250;

/** What resources consumes beside its views, by consumer group. */
export const SUBSCRIPTIONS = {
  intake: { group: 'resources-intake', topics: [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS], maxRecords: BATCH_EVENTS },
  /**
   * Its own: what intake said it takes, until it is visible. Few at a time, so that none waits for another that came
   * much later.
   */
  levels: { group: 'resources-service-levels', topics: [PA_SERVICE_LEVELS], maxRecords: 20 },
} as const satisfies Readonly<Record<string, BatchPattern>>;
