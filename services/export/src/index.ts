import { exportJobs } from './projections/export-jobs.ts';

export { exportService } from './service.ts';
export { SUBSCRIPTIONS as EXPORT_SUBSCRIPTIONS } from './subscriptions.ts';
export const EXPORT_PROJECTIONS = [exportJobs] as const;
