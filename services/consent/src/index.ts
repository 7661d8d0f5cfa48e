export { ConsentModule } from './consent.module.ts';
export { consentConfig, consentEnv, consentSettings } from './config.ts';
export { SUBSCRIPTIONS as CONSENT_SUBSCRIPTIONS } from './subscriptions.ts';
