/** Decides when the partitions of a consumer may no longer be its own. All times are monotonic, ms. */
export interface OwnershipLimits {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/**
 * The part of the session that is held back, because clocks differ in speed and the work after the question takes time
 * too.
 */
const MARGIN = 0.2;

/**
 * What one consumer knows about its partitions of one generation. The coordinator counts the session from the arrival
 * of a heartbeat, so the time that counts here is the one at which it was sent. A process that was stopped or blocked
 * therefore notices before it has received anything. During a rebalance heartbeats are answered too, but only for the
 * rebalance timeout.
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

  /** The coordinator answered a heartbeat that was sent then, and knows this consumer. */
  heard(sentAt: number): void {
    this.#heard = Math.max(this.#heard, sentAt);
  }

  /** The coordinator answered that the group is about to rebalance. That began after the last answer without it. */
  rebalancing(sentAt: number): void {
    this.#rebalancingSince ??= this.#heard;
    this.heard(sentAt);
  }

  /** The coordinator does not know this consumer or its generation any more, or the consumer has joined anew. */
  revoke(): void {
    this.#revoked = true;
  }

  held(now: number = performance.now()): boolean {
    if (this.#revoked || now > this.#heard + this.#limits.sessionTimeoutMs * (1 - MARGIN)) return false;
    return (
      this.#rebalancingSince === undefined ||
      now < this.#rebalancingSince + this.#limits.rebalanceTimeoutMs * (1 - MARGIN)
    );
  }
}
