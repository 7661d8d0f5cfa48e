import type { z } from 'zod';
import { kafkaEnv } from './kafka.ts';
import { listenEnv } from './listen.ts';
import { mongoEnv } from './mongo.ts';
import { telemetryEnv } from './telemetry.ts';

/** The variables of every service process: its listener, its telemetry and its engines. */
export const processEnv = { ...listenEnv, ...telemetryEnv, ...kafkaEnv, ...mongoEnv };
export type ProcessEnv = z.infer<z.ZodObject<typeof processEnv>>;
