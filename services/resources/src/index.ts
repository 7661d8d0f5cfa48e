import { DEAD_LETTER_TOPICS, PA_AUDIT, PA_RECORDS, PAYER_TOPICS } from '@provider-access/events';

export { ResourcesModule, type ResourcesOptions } from './resources.module.ts';
export { resourcesConfig, type ResourcesConfig } from './config.ts';
export { PROJECTIONS as RESOURCES_PROJECTIONS } from './projections/index.ts';
/** Topics that this service writes. */
export const RESOURCES_TOPICS: readonly string[] = [...PAYER_TOPICS, PA_RECORDS, ...DEAD_LETTER_TOPICS, PA_AUDIT];
