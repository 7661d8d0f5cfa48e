import { Controller, Inject } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { AccessTokens, Authenticator, bearerToken, STATIC_TOKENS, type StaticTokens } from '@provider-access/smart';
import { notStored } from '../answers.ts';
import { FORM, readForm } from '../form.ts';

/** RFC 7662. A client sees its own tokens only; the administrator sees all. */
const INTROSPECT = operation({
  route: 'POST /auth/introspect',
  callers: 'anybody',
  security: ['app', 'administrator'],
  tag: 'Apps and tokens',
  summary: 'Ask whether an access token is valid',
  description:
    'RFC 7662. Needs an access token of the same app, or the administrator token. A token that is not valid, or ' +
    'belongs to another app, is only `{"active": false}`.',
  body: {
    required: true,
    content: {
      [FORM]: {
        schema: {
          type: 'object',
          required: ['token'],
          properties: { token: { type: 'string', description: 'The access token in question.' } },
        },
      },
    },
  },
  answer: { description: 'What is known of the token.', type: JSON_TYPE, schema: ref('Introspection') },
  refusals: ['invalid-request', 'invalid-token'],
});

@Controller()
export class IntrospectionController {
  constructor(
    @Inject(AccessTokens) private readonly tokens: AccessTokens,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(STATIC_TOKENS) private readonly staticTokens: StaticTokens,
  ) {}

  @Operation(INTROSPECT)
  async introspect({ request }: Asked<typeof INTROSPECT>): Promise<Answer> {
    const { tokens, authenticator, staticTokens } = this;
    const own = bearerToken(request);
    if (own === undefined)
      throw new Refusal(
        'invalid-token',
        'This route needs an access token or the administrator token in the header Authorization: Bearer.',
        { headers: { 'www-authenticate': 'Bearer' } },
      );
    const administrator = staticTokens.roleOf(own) === 'administrator';
    const caller = administrator ? undefined : (await authenticator.authenticate(request)).client;
    const { token } = readForm(request);
    if (!token) throw new Refusal('invalid-request', 'token is missing.');
    const found = await tokens.verify(token);
    if (!authenticator.live(found) || (!administrator && found.client !== caller)) return notStored({ active: false });
    return notStored({
      active: true,
      scope: found.scopes.text,
      client_id: found.client,
      sub: found.client,
      token_type: 'bearer',
      iss: tokens.issuer,
      aud: tokens.audience,
      iat: found.issuedAt,
      exp: found.expiresAt,
      jti: found.jti,
    });
  }
}
