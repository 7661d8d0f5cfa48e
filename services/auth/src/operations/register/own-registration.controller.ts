import { Controller, Inject } from '@nestjs/common';
import type { ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { OwnEndings } from '../../apps/own-endings.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { notStored } from '../answers.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { clientDocument } from './client-document.ts';
import { readMetadata, registrationUpdate, type RegistrationUpdate } from './client-metadata.ts';
import { KeyChanges, notApproved } from './key-changes.ts';
import { RegistrationAccess } from './registration-access.ts';
import { KEY, METADATA } from './texts.ts';

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

const DELETE = operation({
  route: 'DELETE /auth/register/{client}',
  callers: 'anybody',
  security: ['registration'],
  tag: 'Apps and tokens',
  summary: 'End the registration of an app',
  description:
    'RFC 7592. Needs the registration access token, which ends too. A registration that waits is forgotten. An app ' +
    'that was approved once is revoked on its own wish, which is final; its access tokens end at once.',
  parameters: { client: 'The `client_id` of the app.' },
  answer: { status: 204, description: 'The registration has ended.' },
  refusals: ['invalid-token', 'conflict', 'too-many-requests', 'unavailable'],
});

/** What an app does with its registration access token: read, change of its keys, end (RFC 7592). */
@Controller()
export class OwnRegistrationController {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(RegistrationAccess) private readonly access: RegistrationAccess,
    @Inject(AskingClients) private readonly asking: AskingClients,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
    @Inject(OwnEndings) private readonly endings: OwnEndings,
  ) {}

  @Operation(READ)
  async read({ request, params }: Asked<typeof READ>): Promise<Answer> {
    return this.document(await this.access.authenticated(request, params.client));
  }

  /**
   * Changes the keys of an approved app. The keys from before stay valid for a day, unless the app ends them
   * (docs/client-keys.md). Whoever has the registration access token may do it, so nothing else can change here.
   */
  @Operation(UPDATE)
  async update({ request, params: { client: id }, body }: Asked<typeof UPDATE>): Promise<Answer> {
    const client = await this.access.authenticated(request, id);
    const update = readMetadata(registrationUpdate(this.config.allowInsecureJwks), body);
    requireUnchanged(client, update);
    this.asking.requireCurrent();
    if (client.status !== 'approved') throw notApproved(client.status);
    const { jwks, jwks_uri: jwksUri, previous_keys: previous = 'keep' } = update;
    await this.keyChanges.change(id, { jwks, jwksUri }, previous);
    return this.document((await this.access.find(id)) ?? client);
  }

  private document(client: ClientRegistration): Answer {
    const { ports, config } = this;
    return notStored({
      ...clientDocument(client, ports.clock.now()),
      registration_client_uri: urls(config.publicUrl).registration(client.client),
    });
  }

  /** Resolves when every process refuses the tokens of the app. */
  @Operation(DELETE)
  async remove({ request, params }: Asked<typeof DELETE>): Promise<Answer> {
    const client = await this.access.authenticated(request, params.client);
    await this.endings.end(client);
    return { headers: { 'cache-control': 'no-store' } };
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
