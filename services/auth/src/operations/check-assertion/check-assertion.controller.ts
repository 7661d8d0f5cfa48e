import { Controller, Inject } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { grantScopes, SCOPE_TYPES, scopeFaults } from '@provider-access/domain/smart';
import { saysNo } from '@provider-access/smart';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { notStored } from '../answers.ts';
import { FORM, readForm } from '../form.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { ASSERTION_TYPE, NOT_APPROVED } from '../token/token-grants.ts';
import { TokenLimits } from '../token/token-limits.ts';

/** The form of a token request. Only `client_assertion` is needed. */
const assertionCheckRequest = z.object({
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

const CHECK_ASSERTION = operation({
  route: 'POST /auth/check-assertion',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Find out why a client assertion is refused',
  description:
    'Names everything that `POST /auth/token` would refuse, if a key of the named app signed the assertion; any ' +
    'other assertion gets one constant answer. Gives no token, uses up no `jti`, and counts as a token request.',
  body: {
    required: true,
    content: {
      [FORM]: {
        schema: assertionCheckRequest,
        fields: {
          client_assertion: 'The signed JWT.',
          client_assertion_type: 'As in the token request. Checked if it is given.',
          grant_type: 'As in the token request. Checked if it is given.',
          scope: 'As in the token request. Checked if it is given.',
        },
      },
    },
  },
  answer: { description: 'Each check with its result.', type: JSON_TYPE, schema: assertionCheckResponse },
  refusals: ['invalid-client', 'too-many-requests', 'unavailable'],
});

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

/** Explains to an app's developer what the token endpoint thinks of an assertion. */
@Controller()
export class CheckAssertionController {
  constructor(
    @Inject(AskingClients) private readonly asking: AskingClients,
    @Inject(TokenLimits) private readonly limits: TokenLimits,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  /** Gives no token and uses up no `jti`. Counts as a token request, so that it adds no guesses. */
  @Operation(CHECK_ASSERTION)
  async check({ request }: Asked<typeof CHECK_ASSERTION>): Promise<Answer> {
    const taken = this.limits.take(request);
    try {
      const { accepted, answer } = await this.explain(request);
      if (accepted) taken.giveBack();
      return notStored(answer);
    } catch (error) {
      if (!saysNo(error)) taken.giveBack();
      throw error;
    }
  }

  private async explain(
    request: Asked<typeof CHECK_ASSERTION>['request'],
  ): Promise<{ readonly accepted: boolean; readonly answer: object }> {
    this.asking.requireCurrent();
    const form = formOf(request);
    const explained = await this.asking.explain(form['client_assertion']);
    if (explained === undefined) throw notSigned();
    const { registration } = explained;
    const tooMany = await this.limits.countClient(registration.client);
    if (tooMany !== undefined) throw tooMany;

    const checks = [...explained.checks, ...this.ofClient(registration), ...ofForm(form, registration)];
    const accepted = checks.every((check) => check.accepted);
    const server_time = instant(this.ports.clock.now());
    return { accepted, answer: { client_id: registration.client, accepted, server_time, checks } };
  }

  private ofClient(client: ClientRegistration): readonly Check[] {
    if (client.status !== 'approved') return [{ part: 'approval', accepted: false, text: NOT_APPROVED }];
    const unbound = this.asking.unbound(client);
    const accepted = unbound === undefined;
    const text = unbound ?? 'A provider bound to this app is in network.';
    return [
      { part: 'approval', accepted: true, text: 'The app is approved.' },
      { part: 'network', accepted, text },
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
  const exact = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_id: client.client };
  const checks: Check[] = Object.entries(exact)
    .filter(([part]) => form[part] !== undefined)
    .map(([part, value]) => ({ part, accepted: form[part] === value, text: `${part} must be ${value}.` }));
  if (form['scope'] === undefined) return checks;
  const { tooMuch, refused } = scopeFaults(form['scope']);
  if (tooMuch !== undefined)
    return [...checks, { part: 'scope', accepted: false, text: `The scope is too much: ${tooMuch}.` }];
  const scope = grantScopes(form['scope'], client.scope, SCOPE_TYPES);
  const granted = scope === '' ? `The app may ask for: ${client.scope}` : `A token gets the scope: ${scope}`;
  const text = refused.length === 0 ? granted : `${granted} Not granted: ${refused.join('; ')}`;
  return [...checks, { part: 'scope', accepted: scope !== '', text }];
}
