import type { z } from 'zod';
import { deploymentEnv } from './deployment.ts';
import { kafkaEnv } from './kafka.ts';
import { listenEnv } from './listen.ts';
import { mongoEnv } from './mongo.ts';
import { telemetryEnv } from './telemetry.ts';

/** The variables of every service process: its listener, its telemetry, its engines, and its kind. */
export const processEnv = { ...listenEnv, ...telemetryEnv, ...kafkaEnv, ...mongoEnv, ...deploymentEnv };
export type ProcessEnv = z.infer<z.ZodObject<typeof processEnv>>;
