import { runService } from '@provider-access/process/run';
import { authService } from './service.ts';

await runService(authService);
