export { bind, refuseRequest, type Handler, type Listening } from './listener.ts';
export {
  answer,
  processRoutes,
  readinessOf,
  type Finding,
  type Readiness,
  type ProcessRoutes,
  type ProcessRoutesOptions,
} from './process-routes.ts';
export { endOnSignals, surviveRejections, type Signals } from './signals.ts';
export { watchAppends, type AppendWatch, type AppendWatchOptions } from './append-watch.ts';
export { watchRoom, type DiskRoom, type DiskRoomOptions } from './disk-room.ts';
export { guardLosses } from './guard-losses.ts';
export { measureLog } from './measured-log.ts';
export { VERSION } from './version.ts';
export { Closing } from './closing.ts';
export {
  startService,
  type Engines,
  type RunningService,
  type ServiceContext,
  type StartOptions,
} from './start-service.ts';
export { mayTrace, RecentWrites, tracedBlobs, tracedLog, tracedState, tracedViews } from './tracing/index.ts';
export { openSecrets, type Secrets } from './secrets.ts';
