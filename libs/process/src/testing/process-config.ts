import { deploymentEnv, listenEnv, readConfig, telemetryEnv } from '@provider-access/service/config';
import { z } from 'zod';

const schema = z.object({ ...listenEnv, ...telemetryEnv, ...deploymentEnv });
/** The defaults of every process, on a free port. */
export const PROCESS_CONFIG = readConfig(schema, { PUBLIC_URL: 'http://127.0.0.1', PORT: '0' });
