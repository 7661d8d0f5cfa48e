import { grantScopes, SCOPE_TYPES } from '@provider-access/domain/smart';
import { Controller, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '@provider-access/audit';
import { Refusal, REFUSALS } from '@provider-access/kernel';
import { approvals, approvedSince, verifyClientAssertion, type AssertionStep, stillHas } from '@provider-access/smart';
import { AuthContext } from '../../auth.ts';
import { urls } from '../../config.ts';
import { readForm } from '../form.ts';
import { assertionClient, inNetwork } from './asking-client.ts';
import { countClientRequest, requireTaken, takeTokenRequest } from './token-limits.ts';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Steps of the check before the caller has proved an identity. Anybody who knows the id of a client can reach them. */
const UNPROVEN: ReadonlySet<string> = new Set<AssertionStep>([
  'decode',
  'alg',
  'client',
  'aud',
  'time',
  'key',
  'signature',
]);
const proven = (step: string | undefined): boolean => step === undefined || !UNPROVEN.has(step);

/** Steps after the check of the assertion. */
type OwnStep = 'client_id' | 'not-approved' | 'not-in-network';
/** A refusal with two values for the audit: the client that the caller claims to be, and the step that failed. */
class TokenRefusal extends Error {
  readonly client: string | undefined;
  readonly step: AssertionStep | OwnStep | undefined;
  constructor(
    readonly refusal: Refusal,
    client?: string,
    step?: AssertionStep | OwnStep,
  ) {
    super(refusal.message);
    this.client = client;
    this.step = step;
  }
}
export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/**
 * `POST /auth/token`: client credentials with private_key_jwt (SMART Backend Services:
 * docs/regulation.md#token-requests).
 */
@Controller('auth/token')
export class TokenController {
  constructor(@Inject(AuthContext) private readonly auth: AuthContext) {}

  /** The audit records every token and every refusal of a proven client before the answer leaves. */
  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Header('pragma', 'no-cache')
  async token(@Req() request: FastifyRequest): Promise<TokenResponse> {
    const taken = takeTokenRequest(this.auth, request);
    try {
      requireTaken(taken, request);
      const { client, scope, approvedAt, approval } = await this.grant(request);
      const issued = await this.auth.issuer.issue(client, scope, approvedAt, approval);
      taken.giveBack();
      await this.auth.audit.record({ client, action: 'token', outcome: 'released', members: [], resources: 0 });
      this.auth.ports.metrics.count('pa_tokens_issued_total');
      return { access_token: issued.token, token_type: 'bearer', expires_in: issued.expiresIn, scope };
    } catch (error) {
      const refused = error instanceof Refusal ? new TokenRefusal(error) : error;
      if (!(refused instanceof TokenRefusal)) throw error;
      const { refusal, client, step } = refused;
      this.auth.ports.metrics.count('pa_token_refusals_total', { reason: step ?? REFUSALS[refusal.kind].oauth });
      if (refusal.status < 500) {
        const reason = `${REFUSALS[refusal.kind].oauth}${step === undefined ? '' : `: ${step}`}`;
        // The audit does not record an `iss` that no client has, because the caller chose the text.
        const known = client !== undefined && this.auth.parties.client(client) !== undefined;
        const entry: AuditEntry = {
          client: known ? client : 'unknown',
          action: 'token',
          outcome: 'refused',
          reason,
          members: [],
          resources: 0,
        };
        await (known && proven(step) ? this.auth.audit.record(entry) : this.auth.refusals.refused(entry));
      } else taken.giveBack();
      throw refusal;
    }
  }

  private async grant(
    request: FastifyRequest,
  ): Promise<{ client: string; scope: string; approvedAt: number; approval: number }> {
    const { ports, config, parties, clients, jwksSource, replays } = this.auth;
    const form = readForm(request);
    if (!form['grant_type']) throw new Refusal('invalid-request', 'grant_type is missing.');
    if (form['grant_type'] !== 'client_credentials')
      throw new Refusal('unsupported-grant-type', 'grant_type must be client_credentials.');
    if (form['client_assertion_type'] !== ASSERTION_TYPE)
      throw new Refusal('invalid-client', `client_assertion_type must be ${ASSERTION_TYPE}.`);
    if (!form['client_assertion']) throw new Refusal('invalid-request', 'client_assertion is missing.');
    if (form['scope'] === undefined) throw new Refusal('invalid-request', 'scope is missing.');

    if (!parties.current())
      throw new Refusal('unavailable', 'The server cannot check clients at the moment. Repeat the request.', {
        retryAfter: 1,
      });
    const result = await verifyClientAssertion({
      assertion: form['client_assertion'],
      audiences: urls(config.publicUrl).audiences,
      now: ports.clock.now(),
      lookup: async (id) => assertionClient(await clients.find(id), ports.clock.now()),
      jwksSource,
      claims: ports.state.claims,
    });
    if (!result.ok) throw new TokenRefusal(new Refusal('invalid-client', result.message), result.client, result.step);
    const { client } = result;
    const refuse = (refusal: Refusal, step?: OwnStep | 'key'): TokenRefusal => new TokenRefusal(refusal, client, step);
    if (form['client_id'] !== undefined && form['client_id'] !== client)
      throw refuse(new Refusal('invalid-client', 'client_id differs from iss in client_assertion.'), 'client_id');

    // After the check of the signature, so that nobody can use up the limit of another client.
    const tooMany = await countClientRequest(this.auth, client);
    if (tooMany !== undefined) throw refuse(tooMany);

    const registration = await clients.find(client);
    const now = assertionClient(registration, ports.clock.now());
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
    const approvedAt = approvedSince(registration);
    if (registration === undefined || approvedAt === undefined)
      throw refuse(new Refusal('unauthorized-client', 'The app is registered and not approved yet.'), 'not-approved');
    if (!inNetwork(this.auth, registration))
      throw refuse(
        new Refusal(
          'unauthorized-client',
          'None of the providers bound to this app is in the network of this payer now.',
        ),
        'not-in-network',
      );
    const scope = grantScopes(form['scope'], registration.scope, SCOPE_TYPES);
    if (scope === '')
      throw refuse(
        new Refusal('invalid-scope', `This app has none of the requested scopes. It has: ${registration.scope}`),
      );
    return { client, scope, approvedAt, approval: approvals(registration) };
  }
}
