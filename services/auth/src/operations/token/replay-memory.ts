import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

/** ms: the longest life of an assertion, five minutes and the clock skew (docs/regulation.md#token-requests). */
const LONGEST = 330_000;

/**
 * Knows since when the state store remembers used `jti`s. After a loss of the store, earlier uses are unknown. So apps
 * that registered before the loss get no token until all their earlier assertions have expired.
 */
@Injectable()
export class ReplayMemory implements OnApplicationBootstrap {
  private since = 0;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {}

  async onApplicationBootstrap(): Promise<void> {
    const { state, clock } = this.ports;
    this.since = Number(await state.claims.claim('auth', 'jti-remembered-since', String(clock.now())));
  }
  /** Whether the use of something that was issued at this time (ms since the epoch) would be remembered. */
  knows(issuedAt: number): boolean {
    // The issuer counts whole seconds.
    return issuedAt + 999 >= this.since;
  }
  /** Seconds until the server can recognize every replay for an app that registered at this instant. */
  wait(registeredAt: string): number {
    if (Date.parse(registeredAt) >= this.since) return 0;
    return Math.max(0, Math.ceil((this.since + LONGEST - this.ports.clock.now()) / 1000));
  }
}
