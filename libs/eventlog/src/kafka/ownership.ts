/** When a member's partitions are no longer surely its own. All times are monotonic, ms. */
export interface OwnershipLimits {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** Part of the session that is held back: clocks differ in speed, and what follows the question takes time too. */
const MARGIN = 0.2;

/**
 * What one member knows about its partitions of one generation. The coordinator counts the session from the heartbeat's
 * arrival, so the time that counts here is the one at which it was sent: a process that was stopped or blocked finds out
 * before it has heard anything. While the group waits for members to join again (a rebalance) heartbeats are answered, but
 * only for the rebalance timeout.
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

  /** The coordinator answered a heartbeat that was sent then, and knows this member. */
  heard(sentAt: number): void {
    this.#heard = Math.max(this.#heard, sentAt);
  }

  /** The coordinator answered that the group is about to share out anew: that began after the last answer without it. */
  rebalancing(sentAt: number): void {
    this.#rebalancingSince ??= this.#heard;
    this.heard(sentAt);
  }

  /** The coordinator does not know this member or its generation any more, or it has joined anew. */
  revoke(): void {
    this.#revoked = true;
  }

  held(now: number = performance.now()): boolean {
    if (this.#revoked || now > this.#heard + this.#limits.sessionTimeoutMs * (1 - MARGIN)) return false;
    return this.#rebalancingSince === undefined || now < this.#rebalancingSince + this.#limits.rebalanceTimeoutMs * (1 - MARGIN);
  }
}
