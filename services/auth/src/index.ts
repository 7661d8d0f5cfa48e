export {
  assertionCheckRequest,
  assertionCheckResponse,
} from './operations/check-assertion/check-assertion.controller.ts';
export { AuthModule } from './auth.module.ts';
export { approval, ending } from './operations/clients/review.controller.ts';
export { clientMetadata, registrationUpdate } from './operations/register/client-metadata.ts';
export { authConfig, authEnv, authSettings } from './config.ts';
