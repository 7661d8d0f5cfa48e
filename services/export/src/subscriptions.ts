import { PA_EXPORTS } from '@provider-access/events';
import type { BatchPattern } from '@provider-access/engines/log/transport';

/** What export consumes beside its views, by consumer group. */
export const SUBSCRIPTIONS = {
  work: { group: 'export-work', topics: [PA_EXPORTS] },
  levels: { group: 'export-service-levels', topics: [PA_EXPORTS] },
} as const satisfies Readonly<Record<string, BatchPattern>>;
