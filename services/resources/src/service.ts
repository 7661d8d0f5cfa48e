import { defineService } from '@provider-access/process';
import { resourcesConfig, resourcesEnv, resourcesSettings } from './config.ts';
import { type ResourcesOptions, ResourcesModule } from './resources.module.ts';

export const resourcesService = defineService({
  name: 'resources',
  schema: resourcesEnv,
  settings: resourcesSettings,
  config: resourcesConfig,
  module: (runtime, config: ResourcesOptions['config']) =>
    ResourcesModule.register({ ...runtime, pageKeys: runtime.secrets.pageKeys(), config }),
});
