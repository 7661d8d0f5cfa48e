import { runService } from '@provider-access/process/run';
import { resourcesService } from './service.ts';

await runService(resourcesService);
