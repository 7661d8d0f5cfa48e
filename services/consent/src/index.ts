export { ConsentModule } from './consent.module.ts';
export { consentConfig, consentSettings } from './config.ts';
export { consentService } from './service.ts';
export { SUBSCRIPTIONS as CONSENT_SUBSCRIPTIONS } from './subscriptions.ts';
