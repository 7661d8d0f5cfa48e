import type { Clock } from '@provider-access/kernel';
import type { Claims } from '@provider-access/engines/state';

/**
 * ms: the longest that an assertion can be presented (five minutes and the skew: docs/regulation.md#token-requests).
 */
const LONGEST = 330_000;

/**
 * Knows since when used `jti`s are remembered. If the state store was lost, earlier uses are unknown. So apps from
 * before then get no token until every assertion of that time has expired. Losing the store costs minutes, and never
 * accepts a replay.
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
  /** Seconds until assertions of an app registered at this instant can be told from replays; 0 when they can. */
  wait(registeredAt: string): number {
    if (Date.parse(registeredAt) >= this.since) return 0;
    return Math.max(0, Math.ceil((this.since + LONGEST - this.clock.now()) / 1000));
  }
}
