export { ConsentModule, type ConsentOptions } from './consent.module.ts';
export { consentConfig, consentEnv, type ConsentConfig } from './config.ts';
export { SUBSCRIPTIONS as CONSENT_SUBSCRIPTIONS } from './subscriptions.ts';
