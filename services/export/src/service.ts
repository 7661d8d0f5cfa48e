import { defineService } from '@provider-access/process';
import { exportConfig, exportEnv, exportSettings } from './config.ts';
import { type ExportOptions, ExportModule } from './export.module.ts';

export const exportService = defineService({
  name: 'export',
  schema: exportEnv,
  settings: exportSettings,
  config: exportConfig,
  module({ blobs, ...runtime }, config: ExportOptions['config']) {
    if (blobs === undefined) throw new TypeError('export has no files');
    return ExportModule.register({ ...runtime, blobs, config });
  },
});
