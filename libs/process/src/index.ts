export {
  type AnyService,
  defineService,
  type ServiceContext,
  type ServiceDefinition,
  type StartableService,
} from './define-service.ts';
export { openEngines } from './open-engines.ts';
export { processOptions } from './process-options.ts';
export { openSecrets, type Secrets } from './secrets.ts';
export { startProcess, FLUSH_MS } from './start-process.ts';
export { type Apps, startServices, type Services } from './start-services.ts';
export { refuseRequest, type Handler } from './listener.ts';
export { answer, type ProcessRoutes, type ProcessRoutesOptions } from './process-routes.ts';
export { surviveRejections } from './signals.ts';
export { traceOf } from './faults.ts';
export { regularly } from './regularly.ts';
export { VERSION } from './version.ts';
