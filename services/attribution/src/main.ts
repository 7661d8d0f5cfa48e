import { runService } from '@provider-access/process/run';
import { attributionService } from './service.ts';

await runService(attributionService);
