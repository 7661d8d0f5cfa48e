export { bind, refuseRequest, type Handler } from './listener.ts';
export { answer, processRoutes, readinessOf, type ProcessRoutes, type ProcessRoutesOptions } from './process-routes.ts';
export { surviveRejections } from './signals.ts';
export { watchAppends } from './append-watch.ts';
export { watchRoom } from './disk-room.ts';
export { guardLosses } from './guard-losses.ts';
export { measureLog } from './measured-log.ts';
export { RecentWrites, tracedBlobs, tracedLog, tracedState, tracedViews } from './tracing/index.ts';
export { settleDeployment } from './deployment-mark.ts';
