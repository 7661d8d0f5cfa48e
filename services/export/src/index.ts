import { exportJobs } from './projections/export-jobs.ts';

export { ExportModule } from './export.module.ts';
export { exportConfig, exportEnv, exportSettings } from './config.ts';
export { SUBSCRIPTIONS as EXPORT_SUBSCRIPTIONS } from './subscriptions.ts';
export const EXPORT_PROJECTIONS = [exportJobs] as const;
