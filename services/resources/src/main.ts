import { calendarRules } from '@provider-access/service/config';
import { runService } from '@provider-access/process/run';
import { resourcesEnv } from './config.ts';
import { ResourcesModule } from './resources.module.ts';

await runService({
  name: 'resources',
  schema: resourcesEnv,
  register: ({ ports, presence, secrets }, config) =>
    ResourcesModule.register({
      ports,
      presence,
      staticTokens: secrets.staticTokens,
      pageKeys: secrets.pageKeys(),
      config: { publicUrl: config.PUBLIC_URL, floor: config.SERVICE_DATE_FLOOR, boundMs: config.FACTS_BOUND_MS },
      serviceLevels: {
        calendar: calendarRules(config),
        since: config.SERVICE_LEVELS_SINCE === undefined ? undefined : Date.parse(config.SERVICE_LEVELS_SINCE),
      },
    }),
});
