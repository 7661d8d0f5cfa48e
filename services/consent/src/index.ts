export { consentService } from './service.ts';
export { SUBSCRIPTIONS as CONSENT_SUBSCRIPTIONS } from './subscriptions.ts';
