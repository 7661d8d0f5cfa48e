export { AttributionModule, type AttributionOptions, PROJECTIONS_RUN } from './attribution.module.ts';
export { attributionConfig, type AttributionConfig } from './config.ts';
export type { ForwardedRequest, ForwardedResponse, ForwardExport } from './operations/group/export.controller.ts';
/** Topics that attribution writes. */
export { PA_ATTRIBUTION, PA_GROUPS, PA_MEMBERS, PA_PROVIDERS } from '@provider-access/events';
