import { deadLetterTopic, PA_CONSENT, PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import type { ConsumerGroup } from '@provider-access/engines/log';

/** The topics that consent consumes, by consumer group. */
export const SUBSCRIPTIONS = {
  /**
   * Nothing of consent belongs among provider events. An event that a producer put there becomes a dead letter, and
   * denies. Most events are about resources, so that large batches take little time.
   */
  payer: { group: 'consent-intake', topics: [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS], maxRecords: 1_000 },
  /** A group of its own that measures until an opt-out has effect. */
  levels: { group: 'consent-service-levels', topics: [PA_CONSENT], maxRecords: 20 },
  deadLetters: {
    group: 'consent-dead-letters',
    topics: [deadLetterTopic(PAYER_MEMBER_EVENTS), deadLetterTopic(PAYER_PROVIDER_EVENTS)],
  },
} as const satisfies Readonly<Record<string, ConsumerGroup>>;
