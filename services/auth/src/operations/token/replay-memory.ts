import type { Clock } from '@provider-access/kernel';
import type { Claims } from '@provider-access/engines/state';

/** ms: the longest life of an assertion, five minutes and the clock skew (docs/regulation.md#token-requests). */
const LONGEST = 330_000;

/**
 * Knows since when the state store remembers used `jti`s. After a loss of the store, earlier uses are unknown. So apps
 * that registered before the loss get no token until all their earlier assertions have expired.
 */
export class ReplayMemory {
  private readonly claims: Pick<Claims, 'claim'>;
  private readonly clock: Clock;
  private since = 0;
  constructor(claims: Pick<Claims, 'claim'>, clock: Clock) {
    this.claims = claims;
    this.clock = clock;
  }

  async open(): Promise<void> {
    this.since = Number(await this.claims.claim('auth', 'jti-remembered-since', String(this.clock.now())));
  }
  /** Seconds until the server can recognize every replay for an app that registered at this instant. */
  wait(registeredAt: string): number {
    if (Date.parse(registeredAt) >= this.since) return 0;
    return Math.max(0, Math.ceil((this.since + LONGEST - this.clock.now()) / 1000));
  }
}
