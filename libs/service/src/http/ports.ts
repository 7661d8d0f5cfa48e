import type { EventLog } from '@provider-access/engines/log';
import type { Logger, MemberHash, Metrics, Tracing } from '../observability/index.ts';
import type { State } from '@provider-access/engines/state';
import type { Views } from '@provider-access/engines/views';
import type { Clock } from '@provider-access/kernel';

/** What a runner hands to a service module. No service knows which engine is behind it. */
export interface ServicePorts {
  readonly log: EventLog;
  readonly views: Views;
  readonly state: State;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Tracing. The runner traces the ports above; a service adds spans that only it knows. */
  readonly tracing?: Tracing;
  /** How log lines name members; without it they name none. */
  readonly memberHash?: MemberHash;
}
/** The clock of the machine. Tests hand over a clock that they can set. */
export const systemClock: Clock = { now: () => Date.now(), steady: () => performance.timeOrigin + performance.now() };
export const PORTS = Symbol('ServicePorts');

/** One reason why a service is or is not ready. `detail` is PHI-free. */
export interface ReadinessCheck {
  readonly name: string;
  /**
   * With `ready`, a detail is a notice: something is wrong that no other process would do better. No protected data.
   */
  check(): Promise<{ readonly ready: boolean; readonly detail?: string }>;
}
/** Provided by every module: `{ provide: READINESS, useFactory: (): ReadinessCheck[] => [...] }`. */
export const READINESS = Symbol('ReadinessCheck[]');
