import { PA_EXPORTS } from '@provider-access/events';
import { exportJobs } from './projections/export-jobs.ts';

export { ExportModule, type ExportOptions } from './export.module.ts';
export { exportConfig, exportConfigOf, type ExportConfig } from './config.ts';
export { exportJobs };
export const PROJECTIONS = [exportJobs] as const;
/** Topics that this service writes. */
export const TOPICS = [PA_EXPORTS] as const;
