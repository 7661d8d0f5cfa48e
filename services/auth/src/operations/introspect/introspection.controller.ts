import { Controller, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { AccessTokens, Authenticator, bearerToken, STATIC_TOKENS, type StaticTokens } from '@provider-access/smart';
import { readForm } from '../form.ts';

/** RFC 7662. A client sees its own tokens only; the administrator sees all. */
@Controller('auth/introspect')
export class IntrospectionController {
  constructor(
    @Inject(AccessTokens) private readonly tokens: AccessTokens,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(STATIC_TOKENS) private readonly staticTokens: StaticTokens,
  ) {}

  @Post()
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async introspect(@Req() request: FastifyRequest): Promise<Record<string, unknown>> {
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
    if (!authenticator.live(found) || (!administrator && found.client !== caller)) return { active: false };
    return {
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
    };
  }
}
