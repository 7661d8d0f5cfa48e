import { Controller, Inject, Injectable } from '@nestjs/common';
import { scopeFaults } from '@provider-access/domain/smart';
import type { ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { OwnEndings } from '../../apps/own-endings.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { oneForm } from '../../domain/names.ts';
import { notStored } from '../answers.ts';
import { AskingClients } from '../token/asking-clients.ts';
import { clientDocument } from './client-document.ts';
import {
  documentedUpdate,
  isKeyUpdate,
  keyUpdate,
  ofUpdate,
  readFurther,
  readMetadata,
  registrationUpdate,
} from './client-metadata.ts';
import { KeyChanges, notApproved } from './key-changes.ts';
import { OwnUpdates } from './own-updates.ts';
import { RegistrationAccess } from './registration-access.ts';
import { KEY, METADATA, REGISTRATION } from './texts.ts';

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
  summary: 'Change the registration of an approved app',
  description:
    'RFC 7592. Needs the registration access token, which ends: the answer has a new one. Send the whole record, as ' +
    '`GET` answers it: what is left out is removed. A further NPI, TIN or scope waits for a reviewer. With ' +
    '`client_id` and keys alone, only the keys change, and the token stays. Former keys stay valid for 24 hours, or ' +
    'end at once with `"previous_keys": "end"`.',
  parameters: { client: 'The `client_id` of the app.' },
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: documentedUpdate,
        fields: {
          ...METADATA,
          client_id: 'The `client_id` of the URL.',
          previous_keys: '`keep` (default) or `end`.',
        },
        example: { ...REGISTRATION, client_id: 'c-…', jwks: { keys: [{ ...KEY, kid: 'k2' }] } },
      },
    },
  },
  answer: {
    description: 'The app as it is now, with its new `registration_access_token`.',
    type: JSON_TYPE,
    schema: ref('Client'),
  },
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

/** How an app changes and ends its registration. */
@Injectable()
export class OwnChanges {
  constructor(
    @Inject(KeyChanges) readonly keys: KeyChanges,
    @Inject(OwnUpdates) readonly updates: OwnUpdates,
    @Inject(OwnEndings) readonly endings: OwnEndings,
  ) {}
}

/** What an app does with its registration access token: read, change, end (RFC 7592). */
@Controller()
export class OwnRegistrationController {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(RegistrationAccess) private readonly access: RegistrationAccess,
    @Inject(AskingClients) private readonly asking: AskingClients,
    @Inject(OwnChanges) private readonly changes: OwnChanges,
  ) {}

  @Operation(READ)
  async read({ request, params }: Asked<typeof READ>): Promise<Answer> {
    return this.document((await this.access.authenticated(request, params.client)).client);
  }

  /**
   * Changes an approved app: all of its record, or its keys alone. The keys from before stay valid for a day, unless
   * the app ends them (docs/client-keys.md). Whoever has the registration access token may do it, so the app gets
   * nothing by it that no reviewer has approved.
   */
  @Operation(UPDATE)
  async update({ request, params: { client: id }, body: given }: Asked<typeof UPDATE>): Promise<Answer> {
    const { config, changes } = this;
    const body = ofUpdate(given);
    const { client, token } = await this.access.authenticated(request, id, body);
    if (typeof body === 'object' && body !== null && isKeyUpdate(body)) {
      const update = readMetadata(keyUpdate(config.allowInsecureJwks), body);
      this.requireChangeable(client, update);
      const { jwks, jwks_uri: jwksUri, previous_keys: previous = 'keep' } = update;
      await changes.keys.change(id, { jwks, jwksUri }, { previous, token, body });
      return this.document((await this.access.find(id)) ?? client);
    }
    const update = readMetadata(registrationUpdate(config.allowInsecureJwks), body);
    const { metadata: further, ignored } = readFurther(
      body,
      { unknown: config.unknownMetadata, requires: config.registrationRequires },
      ['client_id', 'previous_keys'],
    );
    this.requireChangeable(client, update);
    const { previous_keys: previous = 'keep', ...metadata } = update;
    const rotated = await changes.updates.update(client, { token, body, metadata, further, previous });
    const { refused } = scopeFaults((body as { readonly scope: string }).scope);
    return this.document((await this.access.find(id)) ?? client, {
      ...(refused.length > 0 && { scope_refused: refused }),
      ...(config.unknownMetadata === 'ignore' && ignored.length > 0 && { ignored }),
      registration_access_token: rotated,
    });
  }

  /** @throws Refusal 400 for another id or name, 403 for an app that is not approved, 503 */
  private requireChangeable(client: ClientRegistration, update: { client_id: string; client_name?: string }): void {
    const { client_id, client_name: name } = update;
    if (client_id !== client.client)
      throw new Refusal('invalid-client-metadata', 'client_id: must be the client_id of the URL.');
    if (name !== undefined && name !== client.name && oneForm(name) !== client.name)
      throw new Refusal(
        'invalid-client-metadata',
        'client_name: cannot change, because reviewers and members know the app by it. Register a new app.',
      );
    this.asking.requireCurrent();
    if (client.status !== 'approved') throw notApproved(client.status);
  }

  private document(client: ClientRegistration, more: Readonly<Record<string, unknown>> = {}): Answer {
    const { ports, config } = this;
    return notStored({
      ...clientDocument(client, ports.clock.now()),
      ...more,
      registration_client_uri: urls(config.publicUrl).registration(client.client),
    });
  }

  /** Resolves when every process refuses the tokens of the app. */
  @Operation(DELETE)
  async remove({ request, params }: Asked<typeof DELETE>): Promise<Answer> {
    const { client } = await this.access.authenticated(request, params.client);
    await this.changes.endings.end(client);
    return { headers: { 'cache-control': 'no-store' } };
  }
}
