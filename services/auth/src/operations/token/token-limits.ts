import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Parties } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { addressBlock, claimedClient, RequestLimits } from '@provider-access/smart';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { tooMany } from '../answers.ts';

const MINUTE = 60_000;

/** Limits of requests that carry a client assertion. */
@Injectable()
export class TokenLimits {
  /** Refused requests of an address block, and of a client in an address block. */
  private readonly refused: RequestLimits;
  /** Requests of all callers that name no approved client. */
  private readonly strangers: RequestLimits;

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(Parties) private readonly parties: Parties,
  ) {
    this.refused = new RequestLimits(ports.clock, config.refusalsPerMinute);
    this.strangers = new RequestLimits(ports.clock, config.strangersPerMinute);
  }

  /**
   * Counts a request before any check of its assertion. A request that succeeds gives its count back, and so does one
   * that the platform could not answer (`saysNo`). Both may happen to one request. An approved client has its own count
   * at its address, so that junk from behind the same proxy does not lock it out. A stranger cannot use up that count,
   * because client ids are random.
   * @throws Refusal 429
   */
  take(request: FastifyRequest): { giveBack(): void } {
    const block = addressBlock(request.ip);
    const claimed = claimedClient((request.body as Record<string, unknown> | null | undefined)?.['client_assertion']);
    const client = claimed !== undefined && this.parties.client(claimed)?.status === 'approved' ? claimed : undefined;
    const key = client === undefined ? block : `${block} ${client}`;
    const wait = this.refused.take(key) || (client === undefined ? this.strangers.take('') : 0);
    if (wait > 0) throw tooMany(request, 'refused token requests', wait);
    let isTaken = true;
    return {
      giveBack: () => {
        if (!isTaken) return;
        isTaken = false;
        this.refused.giveBack(key);
        if (client === undefined) this.strangers.giveBack('');
      },
    };
  }

  /**
   * Counts a request of a client whose signature was verified. @returns the refusal when the client is above its limit
   */
  async countClient(client: string): Promise<Refusal | undefined> {
    const { state, clock } = this.ports;
    const { tokensPerMinute } = this.config;
    const { count, resetsAt } = await state.counters.hit(`token/${client}`, MINUTE);
    if (count <= tokensPerMinute) return undefined;
    return new Refusal('too-many-requests', `More than ${tokensPerMinute} token requests in a minute.`, {
      retryAfter: Math.max(1, Math.ceil((resetsAt - clock.now()) / 1000)),
    });
  }
}
