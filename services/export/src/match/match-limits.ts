import { Inject, Injectable } from '@nestjs/common';
import { Facts } from '@provider-access/facts';
import { ClientLimits } from '@provider-access/jobs';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { GuessGuard } from './guess-guard.ts';
import { approvalOf, GUARD } from './searching.ts';

/** Bundles of a request, and of an app within a day (M4). */
export const MOST_BUNDLES = 1000;
const MOST_A_DAY = 100_000;
const DAY_MS = 86_400_000;

/** What an app may ask of matches. Running jobs, kick-offs and kept bytes count together with those of exports. */
@Injectable()
export class MatchLimits {
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'state' | 'clock'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(GUARD) private readonly guard: GuessGuard,
  ) {}

  /** @throws Refusal 413 or 429, or FactsStale */
  async admit(client: string, bundles: number): Promise<void> {
    this.facts.access.assertFresh();
    if (bundles > MOST_BUNDLES)
      throw new Refusal(
        'too-costly',
        `The request has ${bundles} bundles, and ${MOST_BUNDLES} are allowed. Send several requests.`,
      );
    await this.guard.admit(approvalOf(this.facts.parties, client));
    await this.limits.countKickOff(client);
    const { state, clock } = this.ports;
    const { count, resetsAt } = await state.counters.hit(`match-bundles/${client}`, DAY_MS, bundles);
    if (count <= MOST_A_DAY) return;
    throw new Refusal('too-many-requests', `An app can match at most ${MOST_A_DAY} members in a day.`, {
      retryAfter: Math.max(1, Math.ceil((resetsAt - clock.now()) / 1000)),
    });
  }
}
