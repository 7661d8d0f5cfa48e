import { runService } from '@provider-access/process/run';
import { AttributionModule } from './attribution.module.ts';
import { attributionConfig, attributionEnv } from './config.ts';

/** For one release: attribution handed exports on until the routes led to export (ADR 0035). */
const EXPORT_URL_IGNORED =
  'EXPORT_URL is ignored: the routes in front must lead /fhir/Group/{id}/$export and $davinci-data-export to export';

await runService({
  name: 'attribution',
  schema: attributionEnv,
  register(runtime, config) {
    if (config.EXPORT_URL !== undefined) runtime.ports.logger.warn({}, EXPORT_URL_IGNORED);
    return AttributionModule.register({ ...runtime, config: attributionConfig(config) });
  },
});
