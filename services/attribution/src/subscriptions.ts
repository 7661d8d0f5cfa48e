import { deadLetterTopic, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { ConsumerGroup } from '@provider-access/engines/log';

/** The topics that attribution consumes beside its views, by consumer group. */
export const SUBSCRIPTIONS = {
  /** Most events are about resources, so that large batches take little time. */
  members: { group: 'attribution-intake', topics: [PAYER_MEMBER_EVENTS], maxRecords: 1_000 },
  providers: { group: 'attribution-providers', topics: [PAYER_PROVIDER_EVENTS] },
  deadLetters: {
    group: 'attribution-dead-letters',
    topics: [deadLetterTopic(PAYER_MEMBER_EVENTS), deadLetterTopic(PAYER_PROVIDER_EVENTS)],
  },
} as const satisfies Readonly<Record<string, ConsumerGroup>>;
