import { randomBytes } from 'node:crypto';
import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppRegistered } from '@provider-access/events';
import { asRegistered, type ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { behindUntrustedProxy, PORTS, type ServicePorts, SHARED_ADDRESS } from '@provider-access/service/http';
import { addressBlock, bearerToken, newSecret, RequestLimits, secretHash, secretMatches } from '@provider-access/smart';
import { Applications } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { clientDocument } from './client-document.ts';
import { readClientMetadata, readRegistrationUpdate, type RegistrationUpdate } from './client-metadata.ts';
import { KeyChanges, notApproved } from './key-changes.ts';

const MINUTE = 60_000;
const CLIENT_ID = /^c-[0-9a-f]{32}$/;
/** The hash of no token: comparing with it makes an unknown client cost as much time as a known one. */
const NO_HASH = '0'.repeat(64);

const tooMany = (request: FastifyRequest, retryAfter: number): Refusal =>
  new Refusal(
    'too-many-requests',
    `Too many registrations from this address.${behindUntrustedProxy(request) ? SHARED_ADDRESS : ''}`,
    { retryAfter },
  );
const noRegistrationToken = (): Refusal =>
  new Refusal(
    'invalid-token',
    'This route needs the registration_access_token of the app in the header Authorization: Bearer. The answer to ' +
      'POST /auth/register had it.',
    { headers: { 'www-authenticate': 'Bearer' } },
  );

/** The same answer for a wrong token, an unknown client and an expired registration: nobody can probe for ids. */
const noRegistration = (): Refusal =>
  new Refusal(
    'invalid-token',
    'No registration has this token. A registration without an approval expires after 30 days, or earlier when ' +
      'many new ones arrive. Register again.',
  );

/** Dynamic client registration (RFC 7591), its read and the change of its keys (RFC 7592 §2.1, §2.2). */
@Controller('auth/register')
export class RegistrationController {
  /** Registrations of an address block. */
  private readonly registrations: RequestLimits;
  /** Refused requests for a registration, by address block. */
  private readonly reads: RequestLimits;
  /** Registrations of all address blocks: each writes some 100 KB to the state store. */
  private readonly registrationsOfAll: RequestLimits;

  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Applications) private readonly applications: Applications,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
    @Inject(AskingClients) private readonly asking: AskingClients,
  ) {
    const { clock } = ports;
    this.registrations = new RequestLimits(clock, config.registrationsPerMinute);
    this.reads = new RequestLimits(clock, config.refusalsPerMinute);
    this.registrationsOfAll = new RequestLimits(clock, config.registrationsOfAllPerMinute);
  }

  @Post()
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  async register(@Req() request: FastifyRequest, @Body() body: unknown): Promise<Record<string, unknown>> {
    const { config, ports } = this;
    const from = addressBlock(request.ip);
    // The count in this process comes first, so that a request above the limit writes nothing to the shared counter.
    const wait = this.registrations.take(from);
    if (wait > 0) throw tooMany(request, wait);
    const { count, resetsAt } = await ports.state.counters.hit(`register/${from}`, MINUTE);
    if (count > config.registrationsPerMinute)
      throw tooMany(request, Math.max(1, Math.ceil((resetsAt - ports.clock.now()) / 1000)));
    const metadata = readClientMetadata(body, config.allowInsecureJwks);
    const waitForAll = this.registrationsOfAll.take('');
    if (waitForAll > 0)
      throw new Refusal(
        'too-many-requests',
        'Too many apps are registered at this moment, from all addresses together.',
        { retryAfter: waitForAll },
      );
    const client = `c-${randomBytes(16).toString('hex')}`;
    const secret = newSecret();
    const app: AppRegistered = {
      client,
      name: metadata.client_name,
      scope: metadata.scope,
      contacts: metadata.contacts,
      npis: metadata.npi,
      tins: [...new Set((metadata.tin ?? []).map((t) => t.replace('-', '')))],
      ...(metadata.jwks !== undefined && { jwks: metadata.jwks }),
      ...(metadata.jwks_uri !== undefined && { jwksUri: metadata.jwks_uri }),
      registrationTokenHash: secretHash(secret),
      registeredAt: instant(ports.clock.now()),
    };
    const expiresAt = await this.applications.submit(app, secretHash(from).slice(0, 16));
    return {
      ...clientDocument(asRegistered(app, app.registeredAt), ports.clock.now()),
      registration_access_token: secret,
      registration_client_uri: urls(config.publicUrl).registration(client),
      registration_expires_at: instant(expiresAt),
    };
  }

  @Get(':client')
  @Header('cache-control', 'no-store')
  async read(@Req() request: FastifyRequest, @Param('client') id: string): Promise<Record<string, unknown>> {
    return this.document(await this.authenticated(request, id));
  }

  /**
   * Changes the keys of an approved app. The keys from before stay valid for a day, unless the app ends them
   * (docs/client-keys.md). Whoever has the registration access token may do it, so nothing else can change here.
   */
  @Put(':client')
  @Header('cache-control', 'no-store')
  async update(
    @Req() request: FastifyRequest,
    @Param('client') id: string,
    @Body() body: unknown,
  ): Promise<Record<string, unknown>> {
    const client = await this.authenticated(request, id);
    const update = readRegistrationUpdate(body, this.config.allowInsecureJwks);
    requireUnchanged(client, update);
    this.asking.requireCurrent();
    if (client.status !== 'approved') throw notApproved(client.status);
    await this.keyChanges.change(
      id,
      {
        ...(update.jwks !== undefined && { jwks: update.jwks }),
        ...(update.jwks_uri !== undefined && { jwksUri: update.jwks_uri }),
      },
      update.previous_keys ?? 'keep',
    );
    return this.document((await this.clients.find(id)) ?? client);
  }

  /**
   * The client of a registration access token. Limits refused requests by address, because each of them queries the
   * state store. A request with the right token gives its count back.
   */
  private async authenticated(request: FastifyRequest, id: string): Promise<ClientRegistration> {
    const token = bearerToken(request);
    if (token === undefined) throw noRegistrationToken();
    const from = addressBlock(request.ip);
    const wait = this.reads.take(from);
    if (wait > 0)
      throw new Refusal(
        'too-many-requests',
        `Too many refused requests from this address.${behindUntrustedProxy(request) ? SHARED_ADDRESS : ''}`,
        { retryAfter: wait },
      );
    const client = CLIENT_ID.test(id) ? await this.clients.find(id) : undefined;
    if (!secretMatches(token, client?.registrationTokenHash ?? NO_HASH) || client === undefined) throw noRegistration();
    this.reads.giveBack(from);
    return client;
  }
  private document(client: ClientRegistration): Record<string, unknown> {
    const { ports, config } = this;
    return {
      ...clientDocument(client, ports.clock.now()),
      registration_client_uri: urls(config.publicUrl).registration(client.client),
    };
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join() === [...b].sort().join();

/** @throws Refusal 400 that names each field which differs from the registration */
function requireUnchanged(client: ClientRegistration, update: RegistrationUpdate): void {
  const { client_id, client_name, scope, contacts, npi, tin } = update;
  if (client_id !== client.client)
    throw new Refusal('invalid-client-metadata', 'client_id: must be the client_id of the URL.');
  const changed = [
    client_name !== undefined && client_name !== client.name && 'client_name',
    scope !== undefined && scope !== client.scope && scope !== client.requestedScope && 'scope',
    contacts !== undefined && !same(contacts, client.contacts) && 'contacts',
    npi !== undefined && !same(npi, client.npis) && 'npi',
    tin !== undefined && !same([...new Set(tin.map((t) => t.replace('-', '')))], client.tins) && 'tin',
  ].filter((name) => name !== false);
  if (changed.length > 0)
    throw new Refusal(
      'invalid-client-metadata',
      `${changed.join(', ')}: only the keys can change. Leave the field out, or register a new app.`,
    );
}
