import { deadLetterTopic, PA_CONSENT, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { BatchPattern } from '@provider-access/engines/log/transport';

/** What consent consumes, by consumer group. */
export const SUBSCRIPTIONS = {
  /** Nothing of consent belongs among provider events: what a producer put there all the same is parked, and denies. */
  payer: { group: 'consent-intake', topics: [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS] },
  /** Its own: until an opt-out has effect. */
  levels: { group: 'consent-service-levels', topics: [PA_CONSENT], maxRecords: 20 },
  deadLetters: {
    group: 'consent-dead-letters',
    topics: [deadLetterTopic(PAYER_MEMBER_EVENTS), deadLetterTopic(PAYER_PROVIDER_EVENTS)],
  },
} as const satisfies Readonly<Record<string, BatchPattern>>;
