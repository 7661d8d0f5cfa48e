import { runService } from '@provider-access/process/run';
import { exportService } from './service.ts';

await runService(exportService);
