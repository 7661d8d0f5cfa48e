export { AttributionModule, PROJECTIONS_BESIDE_OTHERS as ATTRIBUTION_PROJECTIONS } from './attribution.module.ts';
export { attributionConfig, attributionEnv, attributionSettings } from './config.ts';
export { SUBSCRIPTIONS as ATTRIBUTION_SUBSCRIPTIONS } from './subscriptions.ts';
