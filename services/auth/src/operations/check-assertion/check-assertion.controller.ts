import { Controller, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { grantScopes, SCOPE_TYPES } from '@provider-access/domain/smart';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { z } from 'zod';
import { readForm } from '../form.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { ASSERTION_TYPE } from '../token/token-grants.ts';
import { TokenLimits } from '../token/token-limits.ts';

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
  constructor(
    @Inject(AskingClients) private readonly asking: AskingClients,
    @Inject(TokenLimits) private readonly limits: TokenLimits,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  /** Gives no token and uses up no `jti`. Counts as a token request, so that it adds no guesses. */
  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async check(@Req() request: FastifyRequest): Promise<z.output<typeof assertionCheckResponse>> {
    const taken = this.limits.take(request);
    try {
      this.asking.requireCurrent();
    } catch (error) {
      taken.giveBack();
      throw error;
    }
    const form = formOf(request);
    const explained = await this.asking.explain(form['client_assertion']);
    if (explained === undefined) throw notSigned();
    const { registration } = explained;
    const tooMany = await this.limits.countClient(registration.client);
    if (tooMany !== undefined) throw tooMany;

    const checks = [...explained.checks, ...this.ofClient(registration), ...ofForm(form, registration)];
    const accepted = checks.every((check) => check.accepted);
    if (accepted) taken.giveBack();
    return { client_id: registration.client, accepted, server_time: instant(this.ports.clock.now()), checks };
  }

  private ofClient(client: ClientRegistration): readonly Check[] {
    if (client.status !== 'approved')
      return [{ part: 'approval', accepted: false, text: 'The app is registered and not approved yet.' }];
    return [
      { part: 'approval', accepted: true, text: 'The app is approved.' },
      this.asking.inNetwork(client)
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
