import { PA_EXPORTS } from '@provider-access/events';
import type { ConsumerGroup } from '@provider-access/engines/log';

/** The consumer groups of export, without those of its views. */
export const SUBSCRIPTIONS = {
  work: { group: 'export-work', topics: [PA_EXPORTS] },
  levels: { group: 'export-service-levels', topics: [PA_EXPORTS] },
} as const satisfies Readonly<Record<string, ConsumerGroup>>;
