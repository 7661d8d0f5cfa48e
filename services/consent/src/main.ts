import { runService } from '@provider-access/process/run';
import { consentService } from './service.ts';

await runService(consentService);
