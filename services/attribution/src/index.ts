export { PROJECTIONS_BESIDE_OTHERS as ATTRIBUTION_PROJECTIONS } from './attribution.module.ts';
export { attributionService } from './service.ts';
export { SUBSCRIPTIONS as ATTRIBUTION_SUBSCRIPTIONS } from './subscriptions.ts';
