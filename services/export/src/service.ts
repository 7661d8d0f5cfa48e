import { defineService } from '@provider-access/process';
import { type ExportConfig, exportConfig, exportEnv, exportSettings } from './config.ts';
import { ExportModule } from './export.module.ts';

export const exportService = defineService({
  name: 'export',
  schema: exportEnv,
  settings: exportSettings,
  config: exportConfig,
  module(runtime, config: ExportConfig) {
    if (runtime.blobs === undefined) throw new TypeError('export has no files');
    return ExportModule.register(runtime, runtime.blobs, config);
  },
});
