import { exportJobs } from '@provider-access/jobs';

export { exportService } from './service.ts';
export { SUBSCRIPTIONS as EXPORT_SUBSCRIPTIONS } from './subscriptions.ts';
export const EXPORT_PROJECTIONS = [exportJobs] as const;
