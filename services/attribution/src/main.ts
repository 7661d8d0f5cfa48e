import { calendarRules, payerDays } from '@provider-access/service/config';
import { runService } from '@provider-access/process/run';
import { AttributionModule } from './attribution.module.ts';
import { attributionEnv } from './config.ts';
import { forwardOverHttp } from './operations/group/forward-over-http.ts';

await runService({
  name: 'attribution',
  schema: attributionEnv,
  register: ({ ports, presence, secrets }, config) =>
    AttributionModule.register({
      ports,
      presence,
      config,
      staticTokens: secrets.staticTokens,
      memberHash: secrets.memberHash(),
      calendar: calendarRules(config),
      days: payerDays(config),
      forwardExport: forwardOverHttp({ base: config.EXPORT_URL }),
    }),
});
