import { defineService } from '@provider-access/process';
import { type AttributionOptions, AttributionModule } from './attribution.module.ts';
import { attributionConfig, attributionEnv, attributionSettings } from './config.ts';

export const attributionService = defineService({
  name: 'attribution',
  schema: attributionEnv,
  settings: attributionSettings,
  config: attributionConfig,
  module: (runtime, config: AttributionOptions['config']) => AttributionModule.register({ ...runtime, config }),
  // @until 0.3.0
  ignored: {
    EXPORT_URL:
      'EXPORT_URL is ignored: the routes in front must lead /fhir/Group/{id}/$export and $davinci-data-export to ' +
      'export',
  },
});
