export {
  AttributionModule,
  type AttributionOptions,
  PROJECTIONS_RUN as ATTRIBUTION_PROJECTIONS,
} from './attribution.module.ts';
export { attributionConfig, attributionEnv, type AttributionConfig } from './config.ts';
export type { ForwardedRequest, ForwardedResponse, ForwardExport } from './operations/group/export.controller.ts';
export { SUBSCRIPTIONS as ATTRIBUTION_SUBSCRIPTIONS } from './subscriptions.ts';
