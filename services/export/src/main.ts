import { calendarRules } from '@provider-access/service/config';
import { runService } from '@provider-access/process/run';
import { exportConfigOf, exportEnv } from './config.ts';
import { ExportModule } from './export.module.ts';

await runService({
  name: 'export',
  schema: exportEnv,
  register: ({ ports, presence, secrets, blobs }, config) =>
    ExportModule.register({
      ports,
      presence,
      staticTokens: secrets.staticTokens,
      blobs: blobs(),
      config: exportConfigOf(config, config.PUBLIC_URL),
      facts: { boundMs: config.FACTS_BOUND_MS },
      calendar: calendarRules(config),
    }),
});
