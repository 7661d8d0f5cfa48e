import { PA_EXPORTS } from '@provider-access/events';
import type { BatchPattern } from '@provider-access/engines/log/transport';

/** The consumer groups of export, without those of its views. */
export const SUBSCRIPTIONS = {
  work: { group: 'export-work', topics: [PA_EXPORTS] },
  levels: { group: 'export-service-levels', topics: [PA_EXPORTS] },
} as const satisfies Readonly<Record<string, BatchPattern>>;
