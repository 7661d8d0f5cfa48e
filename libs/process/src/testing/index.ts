export * from './attestations.ts';
export { deciding } from './deciding.ts';
export * from './facts.ts';
export * from './intake-harness.ts';
export * from './stand-ins.ts';
export { fixedSecrets, signingKeysIn } from './fixed-secrets.ts';
export { startServices, type Services } from '../start-services.ts';
export type { StartableService } from '../define-service.ts';
