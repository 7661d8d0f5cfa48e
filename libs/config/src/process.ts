import type { z } from 'zod';
import { kafkaEnv } from './kafka.ts';
import { listenEnv } from './listen.ts';
import { mongoEnv } from './mongo.ts';

/** What every service process takes: its listener and its engines. */
export const processEnv = { ...listenEnv, ...kafkaEnv, ...mongoEnv };
export type ProcessEnv = z.infer<z.ZodObject<typeof processEnv>>;
