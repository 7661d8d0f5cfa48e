import type { BusinessDays, Objective } from '@provider-access/events';

export interface ObjectiveReport {
  readonly objective: Objective;
  /** Within which time it is met: `1 business day`. A platform of an earlier release does not say it. */
  readonly target?: string;
  readonly met: number;
  readonly missed: number;
  /** Requests that are not done and whose time is over. They count as missed. */
  readonly overdue: number;
  /** met / (met + missed + overdue); absent without requests. */
  readonly share?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly worstMs?: number;
  readonly open: {
    readonly count: number;
    readonly oldest?: string;
    readonly deadline?: string;
    readonly usedShare?: number;
  };
  /** At most 1000 exports that missed their level or are overdue. Objectives about members have no list. */
  readonly exports?: readonly string[];
}
export interface ServiceLevelReport {
  /** Local days of the payer, both included. */
  readonly from: string;
  readonly to: string;
  readonly at: string;
  /** The calendar that is configured now, which decides about open requests. */
  readonly calendar: BusinessDays;
  /** The calendars that were configured when the requests of the period were measured. */
  readonly measuredWith: readonly BusinessDays[];
  readonly objectives: readonly ObjectiveReport[];
}
