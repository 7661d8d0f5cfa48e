import { defineService } from '@provider-access/process';
import { consentConfig, consentEnv, consentSettings } from './config.ts';
import { ConsentModule } from './consent.module.ts';

export const consentService = defineService({
  name: 'consent',
  schema: consentEnv,
  settings: consentSettings,
  config: consentConfig,
  module: ConsentModule.register,
});
