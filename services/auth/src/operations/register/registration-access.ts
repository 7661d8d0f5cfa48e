import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { addressBlock, bearerToken, RequestLimits, saysNo, secretMatches } from '@provider-access/smart';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { tooMany } from '../answers.ts';
import { endedItself } from '../../apps/own-endings.ts';
import { RotatedTokens } from './rotated-tokens.ts';

/** The hash of no token: comparing with it makes an unknown client cost as much time as a known one. */
const NO_HASH = '0'.repeat(64);

const noRegistrationToken = (): Refusal =>
  new Refusal(
    'invalid-token',
    'This route needs the registration_access_token of the app in the header Authorization: Bearer. The answer to ' +
      'POST /auth/register had it.',
    { headers: { 'www-authenticate': 'Bearer' } },
  );

/** The same answer for a wrong token, an unknown client and an expired registration: nobody can probe for ids. */
export const noRegistration = (): Refusal =>
  new Refusal(
    'invalid-token',
    'No registration has this token. A registration without an approval expires after 30 days, or earlier when ' +
      'many new ones arrive. Register again.',
  );

/** Who has the registration access token of an app. */
@Injectable()
export class RegistrationAccess {
  /** Refused requests for a registration, by address block. */
  private readonly reads: RequestLimits;
  constructor(
    @Inject(CONFIG) config: AuthConfig,
    @Inject(PORTS) { clock }: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(RotatedTokens) private readonly rotated: RotatedTokens,
  ) {
    this.reads = new RequestLimits(clock, config.refusalsPerMinute);
  }

  /**
   * The client of a registration access token. Limits refused requests by address, because each of them queries the
   * state store. A request with the right token gives its count back. `update`: the body of an update, which the token
   * from before may repeat (`RotatedTokens`).
   */
  async authenticated(
    request: FastifyRequest,
    id: string,
    update?: unknown,
  ): Promise<{ readonly client: ClientRegistration; readonly token: string }> {
    const token = bearerToken(request);
    if (token === undefined) throw noRegistrationToken();
    const from = addressBlock(request.ip);
    const wait = this.reads.take(from);
    if (wait > 0) throw tooMany(request, 'refused requests', wait);
    try {
      const client = await this.holderOf(token, id, update);
      this.reads.giveBack(from);
      return { client, token };
    } catch (error) {
      if (!saysNo(error)) this.reads.giveBack(from);
      throw error;
    }
  }
  private async holderOf(token: string, id: string, update: unknown): Promise<ClientRegistration> {
    const client = await this.clients.find(id);
    const hash = client?.registrationTokenHash ?? NO_HASH;
    if (secretMatches(token, hash)) await this.rotated.used(id, hash);
    else if (update === undefined || !(await this.rotated.repeats(id, hash, token, update))) throw noRegistration();
    // The token ended with the registration.
    if (client === undefined || endedItself(client)) throw noRegistration();
    return client;
  }

  find(id: string): Promise<ClientRegistration | undefined> {
    return this.clients.find(id);
  }
}
