/** Decides when another consumer may own the partitions of this one. All times are monotonic, ms. */
export interface OwnershipLimits {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/**
 * The share of the session that does not count, because clocks differ in speed and the append after the check takes
 * time.
 */
const MARGIN = 0.2;

/**
 * Whether one consumer still owns its partitions of one generation. The coordinator counts the session from the arrival
 * of a heartbeat. This class counts from the earlier sending, so a stopped or blocked process notices the loss without
 * an answer. During a rebalance the coordinator also answers heartbeats, but only for the rebalance timeout.
 */
export class Ownership {
  readonly #limits: OwnershipLimits;
  #heard: number;
  #rebalancingSince: number | undefined;
  #revoked = false;

  constructor(limits: OwnershipLimits, sentAt: number) {
    this.#limits = limits;
    this.#heard = sentAt;
  }

  /** The coordinator knows this consumer: it answered the heartbeat that was sent at `sentAt`. */
  heard(sentAt: number): void {
    this.#heard = Math.max(this.#heard, sentAt);
  }

  /** The coordinator answered that the group rebalances, which began after the last other answer. */
  rebalancing(sentAt: number): void {
    this.#rebalancingSince ??= this.#heard;
    this.heard(sentAt);
  }

  /** The coordinator no longer knows this consumer or its generation, or the consumer has joined again. */
  revoke(): void {
    this.#revoked = true;
  }

  /** Whether the coordinator has answered nothing for a session and a rebalance, so that the group has removed it. */
  isForgotten(now: number): boolean {
    return now > this.#heard + this.#limits.sessionTimeoutMs + this.#limits.rebalanceTimeoutMs;
  }

  held(now: number = performance.now()): boolean {
    if (this.#revoked || now > this.#heard + this.#limits.sessionTimeoutMs * (1 - MARGIN)) return false;
    return (
      this.#rebalancingSince === undefined ||
      now < this.#rebalancingSince + this.#limits.rebalanceTimeoutMs * (1 - MARGIN)
    );
  }
}
