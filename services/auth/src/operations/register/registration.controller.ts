import { randomBytes } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppRegistered } from '@provider-access/events';
import { scopeFaults } from '@provider-access/domain/smart';
import { asRegistered, type ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { addressBlock, bearerToken, newSecret, RequestLimits, secretHash, secretMatches } from '@provider-access/smart';
import { Applications } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { notStored, tooMany } from '../answers.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { clientDocument } from './client-document.ts';
import {
  clientMetadata,
  documentedMetadata,
  readFurther,
  readMetadata,
  registrationUpdate,
  type RegistrationUpdate,
} from './client-metadata.ts';
import { KeyChanges, notApproved } from './key-changes.ts';
import { KEY, METADATA, REGISTRATION } from './texts.ts';

const MINUTE = 60_000;
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
const noRegistration = (): Refusal =>
  new Refusal(
    'invalid-token',
    'No registration has this token. A registration without an approval expires after 30 days, or earlier when ' +
      'many new ones arrive. Register again.',
  );

const REGISTER = operation({
  route: 'POST /auth/register',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Register an app',
  description:
    'Dynamic client registration (RFC 7591). The app waits for a reviewer of the payer, who checks that its NPIs ' +
    'and TINs are its own. Keep `registration_access_token`: it is shown once.',
  body: {
    required: true,
    content: { [JSON_TYPE]: { schema: documentedMetadata, fields: METADATA, example: REGISTRATION } },
  },
  answer: {
    status: 201,
    description: 'The app is registered and waits.',
    type: JSON_TYPE,
    schema: ref('Registration'),
  },
  refusals: ['invalid-client-metadata', 'too-large', 'too-many-requests'],
});
const READ = operation({
  route: 'GET /auth/register/{client}',
  callers: 'anybody',
  security: ['registration'],
  tag: 'Apps and tokens',
  summary: 'Ask whether the app is approved',
  description: 'Needs the registration access token of the app, in `Authorization: Bearer`.',
  parameters: { client: 'The `client_id` of the app.' },
  answer: { description: 'The app as it is now.', type: JSON_TYPE, schema: ref('Client') },
  refusals: ['invalid-token', 'too-many-requests'],
});
const UPDATE = operation({
  route: 'PUT /auth/register/{client}',
  callers: 'anybody',
  security: ['registration'],
  tag: 'Apps and tokens',
  summary: 'Change the keys of an approved app',
  description:
    'RFC 7592. Needs the registration access token. Only keys can change. Former keys stay valid for 24 hours, ' +
    'or end at once with `"previous_keys": "end"`.',
  parameters: { client: 'The `client_id` of the app.' },
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: registrationUpdate(false),
        fields: {
          ...METADATA,
          client_id: 'The `client_id` of the URL.',
          previous_keys: '`keep` (default) or `end`.',
        },
        example: { client_id: 'c-…', jwks: { keys: [{ ...KEY, kid: 'k2' }] } },
      },
    },
  },
  answer: { description: 'The app with its new keys.', type: JSON_TYPE, schema: ref('Client') },
  refusals: ['invalid-client-metadata', 'invalid-token', 'forbidden', 'conflict', 'too-many-requests', 'unavailable'],
});

/** Dynamic client registration (RFC 7591), its read and the change of its keys (RFC 7592 §2.1, §2.2). */
@Controller()
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

  @Operation(REGISTER)
  async register({ request, body }: Asked<typeof REGISTER>): Promise<Answer> {
    const { config, ports } = this;
    const from = addressBlock(request.ip);
    // The count in this process comes first, so that a request above the limit writes nothing to the shared counter.
    const wait = this.registrations.take(from);
    if (wait > 0) throw tooMany(request, 'registrations', wait);
    const { count, resetsAt } = await ports.state.counters.hit(`register/${from}`, MINUTE);
    if (count > config.registrationsPerMinute)
      throw tooMany(request, 'registrations', Math.max(1, Math.ceil((resetsAt - ports.clock.now()) / 1000)));
    const metadata = readMetadata(clientMetadata(config.allowInsecureJwks), body);
    const { metadata: further, ignored } = readFurther(body, {
      unknown: config.unknownMetadata,
      requires: config.registrationRequires,
    });
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
      npis: [...new Set([...(metadata.npi ?? []), ...(metadata.rendering_npi ?? [])])],
      tins: [...new Set((metadata.tin ?? []).map((t) => t.replace('-', '')))],
      jwks: metadata.jwks,
      jwksUri: metadata.jwks_uri,
      ...keptOf(metadata, further),
      registrationTokenHash: secretHash(secret),
      registeredAt: instant(ports.clock.now()),
    };
    const { refused } = scopeFaults((body as { readonly scope: string }).scope);
    const expiresAt = await this.applications.submit(app, secretHash(from).slice(0, 16));
    return notStored({
      ...clientDocument(asRegistered(app, app.registeredAt), ports.clock.now()),
      ...(refused.length > 0 && { scope_refused: refused }),
      ...(config.unknownMetadata === 'ignore' && ignored.length > 0 && { ignored }),
      registration_access_token: secret,
      registration_client_uri: urls(config.publicUrl).registration(client),
      registration_expires_at: instant(expiresAt),
    });
  }

  @Operation(READ)
  async read({ request, params }: Asked<typeof READ>): Promise<Answer> {
    return this.document(await this.authenticated(request, params.client));
  }

  /**
   * Changes the keys of an approved app. The keys from before stay valid for a day, unless the app ends them
   * (docs/client-keys.md). Whoever has the registration access token may do it, so nothing else can change here.
   */
  @Operation(UPDATE)
  async update({ request, params: { client: id }, body }: Asked<typeof UPDATE>): Promise<Answer> {
    const client = await this.authenticated(request, id);
    const update = readMetadata(registrationUpdate(this.config.allowInsecureJwks), body);
    requireUnchanged(client, update);
    this.asking.requireCurrent();
    if (client.status !== 'approved') throw notApproved(client.status);
    const { jwks, jwks_uri: jwksUri, previous_keys: previous = 'keep' } = update;
    await this.keyChanges.change(id, { jwks, jwksUri }, previous);
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
    if (wait > 0) throw tooMany(request, 'refused requests', wait);
    const client = await this.clients.find(id);
    if (!secretMatches(token, client?.registrationTokenHash ?? NO_HASH) || client === undefined) throw noRegistration();
    this.reads.giveBack(from);
    return client;
  }
  private document(client: ClientRegistration): Answer {
    const { ports, config } = this;
    return notStored({
      ...clientDocument(client, ports.clock.now()),
      registration_client_uri: urls(config.publicUrl).registration(client.client),
    });
  }
}

/** What is kept of a registration beside its own fields: also which NPIs are of the organization. */
function keptOf(
  { npi = [], rendering_npi: rendering }: { readonly npi?: string[]; readonly rendering_npi?: string[] },
  further: Readonly<Record<string, unknown>> | undefined,
): Pick<AppRegistered, 'metadata'> {
  if (rendering === undefined) return further === undefined ? {} : { metadata: further };
  return { metadata: { ...further, npi, rendering_npi: rendering } };
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
