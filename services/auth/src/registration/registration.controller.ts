import { randomBytes } from 'node:crypto';
import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { instant, Refusal } from '@provider-access/http';
import { badToken, bearerToken, newSecret, noToken, secretHash, secretMatches } from '@provider-access/smart';
import { AUTH, type Auth } from '../auth.ts';
import { urls } from '../config.ts';
import { clientDocument } from './client-document.ts';
import { readClientMetadata } from './client-metadata.ts';

const MINUTE = 60_000;
/** Of nobody: an unknown client costs the same comparison. */
const NO_HASH = '0'.repeat(64);

/** Dynamic client registration (RFC 7591) and its read (RFC 7592 §2.1). */
@Controller('auth/register')
export class RegistrationController {
  private readonly auth: Auth;
  constructor(@Inject(AUTH) auth: Auth) {
    this.auth = auth;
  }

  @Post()
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  async register(@Req() request: FastifyRequest, @Body() body: unknown): Promise<Record<string, unknown>> {
    const { config, ports, registry, parties } = this.auth;
    const { count, resetsAt } = await ports.state.counters.hit(`register/${request.ip}`, MINUTE);
    if (count > config.registrationsPerMinute) throw new Refusal('too-many-requests', 'Too many registrations from this address.', { retryAfter: Math.max(1, Math.ceil((resetsAt - ports.clock.now()) / 1000)) });
    const metadata = readClientMetadata(body, config.allowInsecureJwks);
    const client = `c-${randomBytes(16).toString('hex')}`;
    const secret = newSecret();
    await registry.execute(client, {
      kind: 'register',
      app: {
        client, name: metadata.client_name, scope: metadata.scope, contacts: metadata.contacts, npis: metadata.npi, tins: [...new Set((metadata.tin ?? []).map((t) => t.replace('-', '')))],
        ...(metadata.jwks !== undefined && { jwks: metadata.jwks }), ...(metadata.jwks_uri !== undefined && { jwksUri: metadata.jwks_uri }),
        registrationTokenHash: secretHash(secret), registeredAt: instant(ports.clock.now()),
      },
    });
    return { ...clientDocument(parties.registration(client)!), registration_access_token: secret, registration_client_uri: urls(config.publicUrl).registration(client) };
  }

  /** A wrong token and an unknown client are the same 401. */
  @Get(':client')
  @Header('cache-control', 'no-store')
  read(@Req() request: FastifyRequest, @Param('client') id: string): Record<string, unknown> {
    const token = bearerToken(request);
    if (token === undefined) throw noToken();
    const client = this.auth.parties.registration(id);
    if (!secretMatches(token, client?.registrationTokenHash ?? NO_HASH) || client === undefined) throw badToken();
    return { ...clientDocument(client), registration_client_uri: urls(this.auth.config.publicUrl).registration(id) };
  }
}
