import { defineService } from '@provider-access/process';
import { AttributionModule } from './attribution.module.ts';
import { attributionConfig, attributionEnv, attributionSettings } from './config.ts';

export const attributionService = defineService({
  name: 'attribution',
  schema: attributionEnv,
  settings: attributionSettings,
  config: attributionConfig,
  module: AttributionModule.register,
  // @until 0.3.0
  ignored: {
    EXPORT_URL:
      'EXPORT_URL is ignored: the routes in front must lead /fhir/Group/{id}/$export and $davinci-data-export to ' +
      'export',
  },
});
