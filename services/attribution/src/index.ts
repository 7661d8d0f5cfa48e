export { AttributionModule, PROJECTIONS_RUN as ATTRIBUTION_PROJECTIONS } from './attribution.module.ts';
export { attributionConfig, attributionEnv, attributionSettings } from './config.ts';
export { SUBSCRIPTIONS as ATTRIBUTION_SUBSCRIPTIONS } from './subscriptions.ts';
