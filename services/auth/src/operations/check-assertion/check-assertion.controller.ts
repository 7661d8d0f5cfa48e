import { Controller, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { grantScopes, SCOPE_TYPES } from '@provider-access/domain/smart';
import { explainAssertion } from '@provider-access/smart';
import { z } from 'zod';
import { AuthContext } from '../../auth.ts';
import { urls } from '../../config.ts';
import { readForm } from '../form.ts';
import { assertionClient, inNetwork } from '../token/asking-client.ts';
import { countClientRequest, requireTaken, takeTokenRequest } from '../token/token-limits.ts';
import { ASSERTION_TYPE } from '../token/token.controller.ts';

/** The form of a token request. Only `client_assertion` is needed. */
export const assertionCheckRequest = z.object({
  client_assertion: z.string(),
  client_assertion_type: z.string().optional(),
  grant_type: z.string().optional(),
  scope: z.string().optional(),
});
export const assertionCheckResponse = z.object({
  client_id: z.string(),
  /** Whether the token endpoint would give a token for this request now. */
  accepted: z.boolean(),
  server_time: z.iso.datetime(),
  checks: z.array(
    z.object({
      /** A part of the assertion, a parameter of the form, `approval` or `network`. */
      part: z.string(),
      accepted: z.boolean(),
      text: z.string(),
    }),
  ),
});
type Check = z.output<typeof assertionCheckResponse>['checks'][number];

/**
 * One answer for everything that a key of the named client did not sign, whether or not there is such a client: the
 * same status, body, lookups and checks of a signature.
 */
const notSigned = (): Refusal =>
  new Refusal(
    'invalid-client',
    'This answer explains nothing, because no key of an active client verifies client_assertion. One of these is ' +
      'wrong: the form (one client_assertion, application/x-www-form-urlencoded), alg (RS384 or ES384), iss (the ' +
      'client_id of an app that is not rejected or suspended), kid (a registered key whose type fits alg), or the ' +
      'signature.',
  );

/** `POST /auth/check-assertion`: explains to an app's developer what the token endpoint thinks of an assertion. */
@Controller('auth/check-assertion')
export class CheckAssertionController {
  constructor(@Inject(AuthContext) private readonly auth: AuthContext) {}

  /** Gives no token and uses up no `jti`. Counts as a token request, so that it adds no guesses. */
  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async check(@Req() request: FastifyRequest): Promise<z.output<typeof assertionCheckResponse>> {
    const { config, ports, parties, clients, jwksSource } = this.auth;
    const taken = takeTokenRequest(this.auth, request);
    requireTaken(taken, request);
    if (!parties.current()) {
      taken.giveBack();
      throw new Refusal('unavailable', 'The server cannot check clients at the moment. Repeat the request.', {
        retryAfter: 1,
      });
    }
    const form = formOf(request);
    let registration: ClientRegistration | undefined;
    const explained = await explainAssertion({
      assertion: form['client_assertion'],
      audiences: urls(config.publicUrl).audiences,
      now: ports.clock.now(),
      lookup: async (id) => {
        registration = await clients.findWithEqualWork(id);
        return assertionClient(registration, ports.clock.now());
      },
      jwksSource,
      used: async (key) => (await ports.state.claims.get('jti', key)) !== undefined,
    });
    if (explained === undefined || registration === undefined) throw notSigned();
    const tooMany = await countClientRequest(this.auth, explained.client);
    if (tooMany !== undefined) throw tooMany;

    const checks = [...explained.checks, ...this.ofClient(registration), ...ofForm(form, registration)];
    const accepted = checks.every((check) => check.accepted);
    if (accepted) taken.giveBack();
    return { client_id: explained.client, accepted, server_time: instant(ports.clock.now()), checks };
  }

  private ofClient(client: ClientRegistration): readonly Check[] {
    if (client.status !== 'approved')
      return [{ part: 'approval', accepted: false, text: 'The app is registered and not approved yet.' }];
    return [
      { part: 'approval', accepted: true, text: 'The app is approved.' },
      inNetwork(this.auth, client)
        ? { part: 'network', accepted: true, text: 'A provider bound to this app is in network.' }
        : {
            part: 'network',
            accepted: false,
            text: 'None of the providers bound to this app is in the network of this payer now.',
          },
    ];
  }
}

/** The form of a token request. Empty if it cannot be read: that is no assertion of anybody. */
function formOf(request: FastifyRequest): ReturnType<typeof readForm> {
  try {
    return readForm(request);
  } catch (error) {
    if (error instanceof Refusal) return {};
    throw error;
  }
}

/** The other parameters of a token request, as far as they are given. */
function ofForm(form: ReturnType<typeof readForm>, client: ClientRegistration): readonly Check[] {
  const exact = (part: string, expected: string): readonly Check[] =>
    form[part] === undefined ? [] : [{ part, accepted: form[part] === expected, text: `${part} must be ${expected}.` }];
  const scope = form['scope'] === undefined ? undefined : grantScopes(form['scope'], client.scope, SCOPE_TYPES);
  return [
    ...exact('grant_type', 'client_credentials'),
    ...exact('client_assertion_type', ASSERTION_TYPE),
    ...exact('client_id', client.client),
    ...(scope === undefined
      ? []
      : [
          {
            part: 'scope',
            accepted: scope !== '',
            text: scope === '' ? `The app may ask for: ${client.scope}` : `A token gets the scope: ${scope}`,
          },
        ]),
  ];
}
