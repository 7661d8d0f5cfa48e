import { runService } from '@provider-access/process/run';
import { resourcesConfig, resourcesEnv } from './config.ts';
import { ResourcesModule } from './resources.module.ts';

await runService({
  name: 'resources',
  schema: resourcesEnv,
  register: (runtime, config) =>
    ResourcesModule.register({
      ...runtime,
      blobs: config.ATTACHMENTS === 'files' ? runtime.blobs() : undefined,
      config: resourcesConfig(config),
      pageKeys: runtime.secrets.pageKeys(),
    }),
});
