export { AttributionModule, PROJECTIONS_RUN as ATTRIBUTION_PROJECTIONS } from './attribution.module.ts';
export { attributionConfig, attributionEnv } from './config.ts';
export { SUBSCRIPTIONS as ATTRIBUTION_SUBSCRIPTIONS } from './subscriptions.ts';
