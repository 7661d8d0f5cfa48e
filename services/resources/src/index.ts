export { resourcesService } from './service.ts';
export { PROJECTIONS_BESIDE_OTHERS as RESOURCES_PROJECTIONS } from './projections/index.ts';
export { SUBSCRIPTIONS as RESOURCES_SUBSCRIPTIONS } from './subscriptions.ts';
