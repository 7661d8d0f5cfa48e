export { ConsentModule, type ConsentOptions } from './consent.module.ts';
export { consentConfig, type ConsentConfig } from './config.ts';
/** The topic that consent writes. */
export { PA_CONSENT } from '@provider-access/events';
