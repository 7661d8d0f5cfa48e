import { runService } from '@provider-access/process/run';
import { consentConfig, consentEnv } from './config.ts';
import { ConsentModule } from './consent.module.ts';

await runService({
  name: 'consent',
  schema: consentEnv,
  register: (runtime, config) => ConsentModule.register({ ...runtime, config: consentConfig(config) }),
});
