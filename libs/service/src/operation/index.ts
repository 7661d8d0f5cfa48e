export * from './answer.ts';
export type { Asked, Client } from './asked.ts';
export * from './conditional.ts';
export * from './descriptor.ts';
export * from './fhir.ts';
export { type OperationPorts, requireScope } from './frame.ts';
export * from './operation.ts';
export { viewsController } from './views-controller.ts';
export { parametersOf, refuseOthers } from './parameters.ts';
