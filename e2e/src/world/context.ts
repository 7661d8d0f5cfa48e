import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import type { ServiceName } from '../gateway.ts';
import { AS_OF } from '../road.ts';

/**
 * The deployment that the scenarios of the suite `world` share. `setup.ts` starts it; `freshPlatform` attaches to it.
 */
export interface SharedWorld {
  readonly base: string;
  readonly dataDir: string;
  readonly payerToken: string;
  readonly administratorToken: string;
  /**
   * The settings of every service, so that a scenario that needs another value fails instead of passing for the wrong
   * reason.
   */
  readonly env: Readonly<Record<string, string>>;
  readonly instances: Readonly<Record<ServiceName, readonly string[]>>;
  readonly pids: readonly number[];
  /** Lines of all processes. */
  readonly lines: string;
  /** The requests to the collector: the path and the body in base64, one on each line. */
  readonly received: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined outside of the suite `world`. */
    world: SharedWorld | undefined;
  }
}

/**
 * Limits so high that no scenario reaches them by accident. Small chunks give an export several chunks, also with a
 * small payer.
 */
export const LIMITS = {
  EXPORT_RUNNING_PER_CLIENT: '100',
  EXPORT_KICK_OFFS_PER_HOUR: '1000',
  EXPORT_POLLS_PER_MINUTE: '1000000',
  EXPORT_CHUNK_MEMBERS: '5',
  AUTH_TOKENS_PER_MINUTE: '100000',
};

/** Every day is a business day, in UTC, so a deadline is always 24 hours after its start. */
export const EVERY_DAY = { BUSINESS_TIME_ZONE: 'UTC', BUSINESS_DAYS: 'mon,tue,wed,thu,fri,sat,sun' };

/** All telemetry of a process. How often it measures depends on who waits for it. */
export const TELLING = {
  LOG_LEVEL: 'debug',
  REQUEST_LOG: 'true',
  OTEL_TRACES_SAMPLER_ARG: '1',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
};

/**
 * The payer of the scenarios that only read, or that revert what they change. Its members have small histories, because
 * each event costs CPU time in all services: eight whom one organization sees, three of them seen by a second
 * organization too, and one whom only the second one sees.
 */
export const sharedPayer = (): SyntheticPayer =>
  syntheticPayer({ seed: 'world', members: [7, 9, 19, 23, 34, 42, 53, 58, 59], asOf: AS_OF });
