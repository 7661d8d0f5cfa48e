import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { grantScopes, SCOPE_TYPES, scopeFaults } from '@provider-access/domain/smart';
import type { TokenStep } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { approvals, stillHas } from '@provider-access/smart';
import { Clients } from '../../apps/clients.ts';
import { readForm } from '../form.ts';
import { AskingClients } from './asking-clients.ts';
import { ReplayMemory } from './replay-memory.ts';
import { TokenLimits } from './token-limits.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const NOT_APPROVED = 'The app is registered and not approved yet.';

/** A refusal with two values for the audit: the client that the caller claims to be, and the step that failed. */
export class TokenRefusal extends Error {
  readonly refusal: Refusal;
  readonly client: string | undefined;
  readonly step: TokenStep | undefined;
  constructor(refusal: Refusal, client?: string, step?: TokenStep) {
    super(refusal.message);
    this.refusal = refusal;
    this.client = client;
    this.step = step;
  }
}

export interface TokenGrant {
  readonly client: string;
  readonly scope: string;
  /** The number of the approval, from 1. */
  readonly approval: number;
  /** Why restricted scopes of the request are not granted; names types and parameters, and no value. */
  readonly refused: readonly string[];
}

/** Decides which token a request gets. */
@Injectable()
export class TokenGrants {
  constructor(
    @Inject(AskingClients) private readonly asking: AskingClients,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(TokenLimits) private readonly limits: TokenLimits,
    @Inject(ReplayMemory) private readonly replays: ReplayMemory,
  ) {}

  /** @throws TokenRefusal with the client that the caller claims to be; Refusal before there is one */
  async of(request: FastifyRequest): Promise<TokenGrant> {
    const { asking, clients, limits, replays } = this;
    const form = readForm(request);
    if (!form['grant_type']) throw new Refusal('invalid-request', 'grant_type is missing.');
    if (form['grant_type'] !== 'client_credentials')
      throw new Refusal('unsupported-grant-type', 'grant_type must be client_credentials.');
    if (form['client_assertion_type'] !== ASSERTION_TYPE)
      throw new Refusal('invalid-client', `client_assertion_type must be ${ASSERTION_TYPE}.`);
    if (!form['client_assertion']) throw new Refusal('invalid-request', 'client_assertion is missing.');
    if (form['scope'] === undefined) throw new Refusal('invalid-request', 'scope is missing.');

    asking.requireCurrent();
    const result = await asking.verify(form['client_assertion']);
    if (!result.ok) throw this.refusal(new Refusal('invalid-client', result.message), result.client, result.step);
    const { client } = result;
    const refuse = (refusal: Refusal, step?: TokenStep): TokenRefusal => this.refusal(refusal, client, step);
    if (form['client_id'] !== undefined && form['client_id'] !== client)
      throw refuse(new Refusal('invalid-client', 'client_id differs from iss in client_assertion.'), 'client_id');

    // After the check of the signature, so that nobody can use up the limit of another client.
    const tooMany = await limits.countClient(client);
    if (tooMany !== undefined) throw refuse(tooMany);

    const registration = await clients.find(client);
    const now = asking.keysOf(registration);
    if (now !== undefined && !stillHas(now, result.key))
      throw refuse(
        new Refusal('invalid-client', 'The app ended the key of this client_assertion while the request ran.'),
        'key',
      );
    const wait = registration === undefined ? 0 : replays.wait(registration.registeredAt);
    if (wait > 0)
      throw new Refusal(
        'unavailable',
        'The record of used assertions was lost. Repeat the request when every assertion from before has expired.',
        { retryAfter: wait },
      );
    if (registration?.status !== 'approved')
      throw refuse(new Refusal('unauthorized-client', NOT_APPROVED), 'not-approved');
    const unbound = asking.unbound(registration);
    if (unbound !== undefined) throw refuse(new Refusal('unauthorized-client', unbound), 'not-in-network');
    const { tooMuch, refused } = scopeFaults(form['scope']);
    if (tooMuch !== undefined) throw refuse(new Refusal('invalid-scope', `The scope is too much: ${tooMuch}.`));
    const scope = grantScopes(form['scope'], registration.scope, SCOPE_TYPES);
    if (scope === '') {
      const none = `This app has none of the requested scopes. It has: ${registration.scope}`;
      const because = refused.length === 0 ? '' : ` Not granted: ${refused.join('; ')}`;
      throw refuse(new Refusal('invalid-scope', none + because));
    }
    return { client, scope, approval: approvals(registration), refused };
  }

  /** The audit does not record an `iss` that no client has, because the caller chose the text. */
  private refusal(refusal: Refusal, client: string | undefined, step: TokenStep | undefined): TokenRefusal {
    return new TokenRefusal(refusal, this.asking.registered(client) ? client : undefined, step);
  }
}
