import type { LogRecord } from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';

/** The part of a log record that says when it was appended. */
type Stamped = Pick<LogRecord, 'timestamp' | 'timestampBy'>;

/**
 * The latest time that has passed for certain. An event is ahead of the platform only when it is ahead of this time.
 * The clock of the process alone does not decide: where it is behind, events of the present would become dead letters
 * (ADR 0030).
 */
export class LatestTime {
  private readonly clock: Clock;
  private newest = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * @param records that the log has delivered. A time that a producer set does not count: it could choose what is the
   * present.
   * @returns ms since the epoch
   */
  with(records: readonly Stamped[]): number {
    for (const { timestamp, timestampBy } of records) {
      if (timestampBy === undefined) this.newest = Math.max(this.newest, timestamp);
    }
    return Math.max(this.clock.now(), this.clock.steady?.() ?? Number.NEGATIVE_INFINITY, this.newest);
  }
}
