export {
  assertionCheckRequest,
  assertionCheckResponse,
} from './operations/check-assertion/check-assertion.controller.ts';
export { approval, ending } from './operations/clients/review.controller.ts';
export { clientMetadata, registrationUpdate } from './operations/register/client-metadata.ts';
export { authService } from './service.ts';
