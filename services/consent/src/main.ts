import { calendarRules, payerDays } from '@provider-access/service/config';
import { runService } from '@provider-access/process/run';
import { consentEnv } from './config.ts';
import { ConsentModule } from './consent.module.ts';

await runService({
  name: 'consent',
  schema: consentEnv,
  register: ({ ports, presence, secrets }, config) =>
    ConsentModule.register({
      ports,
      presence,
      config,
      memberHash: secrets.memberHash(),
      calendar: calendarRules(config),
      days: payerDays(config),
    }),
});
