import { runService } from '@provider-access/process/run';
import { exportConfig, exportEnv } from './config.ts';
import { ExportModule } from './export.module.ts';

await runService({
  name: 'export',
  schema: exportEnv,
  register: (runtime, config) =>
    ExportModule.register({ ...runtime, blobs: runtime.blobs(), config: exportConfig(config) }),
});
