import { runService } from '@provider-access/process/run';
import { resourcesEnv } from './config.ts';
import { ResourcesModule } from './resources.module.ts';

await runService({
  name: 'resources', schema: resourcesEnv,
  register: ({ ports, presence, secrets }, { PUBLIC_URL, SERVICE_DATE_FLOOR, FACTS_BOUND_MS }) => ResourcesModule.register({
    ports, presence, staticTokens: secrets.staticTokens, pageKeys: secrets.pageKeys(), config: { publicUrl: PUBLIC_URL, floor: SERVICE_DATE_FLOOR, boundMs: FACTS_BOUND_MS },
  }),
});
