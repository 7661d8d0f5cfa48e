import { deadLetterTopic, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { BatchPattern } from '@provider-access/eventlog/transport';

/** What consent consumes, by consumer group. */
export const SUBSCRIPTIONS = {
  members: { group: 'consent-intake', topics: [PAYER_MEMBER_EVENTS] },
  deadLetters: { group: 'consent-dead-letters', topics: [deadLetterTopic(PAYER_MEMBER_EVENTS)] },
} as const satisfies Readonly<Record<string, BatchPattern>>;
