export { resourcesService } from './service.ts';
export { PROJECTIONS as RESOURCES_PROJECTIONS } from './projections/index.ts';
export { SUBSCRIPTIONS as RESOURCES_SUBSCRIPTIONS } from './subscriptions.ts';
