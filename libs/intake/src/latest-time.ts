import type { LogRecord } from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';

/** The part of a log record that says when it was appended. */
type Stamped = Pick<LogRecord, 'timestamp' | 'timestampBy'>;

/**
 * The latest time that has certainly passed. An event is in the future only if it is later than this. The clock of the
 * process alone does not decide, because a clock that is behind would make dead letters of present events (ADR 0030).
 */
export class LatestTime {
  readonly #clock: Clock;
  #newest = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param records that the log has delivered. A time that a producer set does not count, because a producer could
   * choose the present that way.
   * @returns ms since the epoch
   */
  with(records: readonly Stamped[]): number {
    for (const { timestamp, timestampBy } of records) {
      if (timestampBy === undefined) this.#newest = Math.max(this.#newest, timestamp);
    }
    return Math.max(this.#clock.now(), this.#clock.steady?.() ?? Number.NEGATIVE_INFINITY, this.#newest);
  }
}
