import { readFileSync } from 'node:fs';
import { CLIENT_STATUSES } from '@provider-access/domain/access';
import { FAULT_REASONS, PAYER_EVENTS, REQUEST_FAULTS } from '@provider-access/events';
import { z } from 'zod';
import { MEMBER, PERSON_ROLES } from '@provider-access/kernel';
import type { Json } from '@provider-access/service/operation';
import { counts, INSTANT, list, text } from './parts.ts';
import { RUNS } from './runs.ts';

const SCOPE_REFUSED = {
  type: 'array',
  items: { type: 'string' },
  description: 'Scopes with parameters that are not granted: the type and the parameter of each.',
};

/** A zod schema as callers send it. */
export const inputSchema = (schema: z.ZodType): Json => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
};

const fixture = (type: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../../libs/events/fixtures/${type}.json`, import.meta.url), 'utf8'));

const CLIENT = {
  client_id: text('The id of the app.'),
  client_id_issued_at: { type: 'integer', description: 'Seconds since 1970.' },
  client_name: text('Its name.'),
  status: { enum: [...CLIENT_STATUSES] },
  reason: text('The reason of the last decision: a code, or the text of an approval.'),
  note: text('What the reviewer said to that code.'),
  scope: text('The scopes that the app may ask for.'),
  requested_scope: text('For a reviewer: the scopes that the app asked for last, which an approval may narrow.'),
  jwks: { type: 'object', description: 'Its public keys.' },
  jwks_uri: { type: 'string', format: 'uri' },
  contacts: list({ type: 'string' }, 'E-mail addresses.'),
  npi: list({ type: 'string' }, 'The NPIs that the app claims.'),
  tin: list({ type: 'string' }, 'The TINs that the app claims.'),
  waits_for_review: {
    type: 'object',
    description: 'NPIs, TINs and scopes that the app asked for after its approval, and that give nothing yet.',
  },
  updated_at: { ...INSTANT, description: 'When the app changed its registration.' },
  bound: { type: 'object', description: 'The NPIs and TINs to which it is bound now.' },
  bindings: list(
    { type: 'object' },
    'For a reviewer: every binding, the newest first, with `from`, `to`, who decided, by which evidence and why.',
  ),
  key_history: list({ type: 'object' }, 'For a reviewer: the newest 51 key sets, with times and thumbprints.'),
  reasons: {
    type: 'object',
    description: 'For a reviewer: the codes that `reject`, `suspend`, `revoke` and `end` may have, with their texts.',
  },
  grant_types: list({ type: 'string' }, 'Always `client_credentials`.'),
  token_endpoint_auth_method: { const: 'private_key_jwt' },
};

export const SCHEMAS: Readonly<Record<string, Json>> = {
  OperationOutcome: {
    type: 'object',
    description: 'A refusal below `/fhir`. `diagnostics` names what is wrong and what to do.',
    required: ['resourceType', 'issue'],
    properties: {
      resourceType: { const: 'OperationOutcome' },
      issue: {
        type: 'array',
        items: {
          type: 'object',
          required: ['severity', 'code'],
          properties: {
            severity: { enum: ['fatal', 'error', 'warning', 'information'] },
            code: { type: 'string' },
            diagnostics: { type: 'string' },
            expression: { type: 'array', items: { type: 'string' } },
          },
        },
      },
    },
  },
  OAuthError: {
    type: 'object',
    description: 'A refusal below `/auth` (RFC 6749 section 5.2).',
    required: ['error'],
    properties: { error: { type: 'string' }, error_description: text('What is wrong and what to do.') },
  },
  Problem: {
    type: 'object',
    description: 'A refusal below `/events` and `/ops`.',
    required: ['error', 'message'],
    properties: { error: { type: 'string' }, message: text('What is wrong and what to do.') },
  },
  Resource: { type: 'object', required: ['resourceType'], properties: { resourceType: { type: 'string' } } },
  Bundle: {
    type: 'object',
    required: ['resourceType', 'type'],
    properties: {
      resourceType: { const: 'Bundle' },
      type: { const: 'searchset' },
      total: { type: 'integer' },
      link: list({ type: 'object' }, '`self`, and `next` if there is another page.'),
      entry: list({ type: 'object' }, 'The resources.'),
    },
  },
  Client: { type: 'object', required: ['client_id', 'status'], properties: CLIENT },
  Registration: {
    type: 'object',
    required: ['client_id', 'registration_access_token', 'registration_client_uri'],
    properties: {
      ...CLIENT,
      registration_access_token: text('Reads and changes the registration. It is shown once: keep it secret.'),
      registration_client_uri: { type: 'string', format: 'uri', description: 'Where the app asks for its status.' },
      scope_refused: SCOPE_REFUSED,
      registration_expires_at: { ...INSTANT, description: 'When the registration ends, if nobody approves it.' },
    },
  },
  Token: {
    type: 'object',
    required: ['access_token', 'token_type', 'expires_in', 'scope'],
    properties: {
      access_token: text('Send it in `Authorization: Bearer`.'),
      token_type: { const: 'bearer' },
      expires_in: { type: 'integer', description: 'Seconds.' },
      scope_refused: SCOPE_REFUSED,
      scope: text('What was granted.'),
    },
  },
  Introspection: {
    type: 'object',
    required: ['active'],
    properties: {
      active: { type: 'boolean' },
      scope: { type: 'string' },
      client_id: { type: 'string' },
      exp: { type: 'integer' },
      token_type: { type: 'string' },
      iss: { type: 'string' },
    },
  },
  Manifest: {
    type: 'object',
    required: ['transactionTime', 'request', 'requiresAccessToken', 'output', 'deleted', 'error'],
    properties: {
      transactionTime: { ...INSTANT, description: 'The `_since` of the next export.' },
      request: { type: 'string', format: 'uri' },
      requiresAccessToken: { const: true },
      outputOrganizedBy: { const: 'Patient', description: 'Present if the files have a block for each patient.' },
      ...Object.fromEntries(
        ['output', 'deleted', 'error'].map((name) => [
          name,
          {
            type: 'array',
            items: {
              type: 'object',
              required: ['url', 'count'],
              properties: {
                type: text('Absent from files that have blocks.'),
                url: { type: 'string', format: 'uri' },
                count: { type: 'integer', description: 'Lines, headers of blocks included.' },
                ...(name === 'output' && {
                  continuesInFile: {
                    type: 'string',
                    format: 'uri',
                    description: 'The file in which the last block goes on.',
                  },
                }),
              },
            },
          },
        ]),
      ),
      extension: {
        type: 'object',
        properties: {
          checksums: {
            type: 'object',
            description: 'Of the files as `Accept-Encoding: gzip` gets them now. An opt-out changes the bytes.',
            properties: {
              note: { type: 'string' },
              contentEncoding: { const: 'gzip' },
              files: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    url: { type: 'string', format: 'uri' },
                    size: { type: 'integer' },
                    sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  Exports: {
    type: 'object',
    required: ['total', 'exports'],
    properties: {
      total: { type: 'integer', description: 'The number of all exports, also of those that are not listed.' },
      exports: {
        type: 'array',
        items: {
          type: 'object',
          required: ['id', 'url', 'group', 'request', 'requestedAt', 'state'],
          properties: {
            id: { type: 'string' },
            url: { type: 'string', format: 'uri', description: 'The status request, as in `Content-Location`.' },
            group: text('The id of the Group.'),
            request: { type: 'string', format: 'uri', description: 'The URL of the kick-off.' },
            requestedAt: INSTANT,
            state: { enum: ['running', 'complete', 'failed'] },
            progress: text('How far a running export is, as in `X-Progress`.'),
            message: text('Why an export failed.'),
            transactionTime: { ...INSTANT, description: 'Of a complete export: the `_since` of the next one.' },
            expiresAt: { ...INSTANT, description: 'When the export and its files end.' },
          },
        },
      },
    },
  },
  Session: {
    type: 'object',
    required: ['person', 'mark', 'roles', 'until', 'csrf'],
    properties: {
      person: text('`person` and the subject of the identity provider, `administrator`, or `member`.'),
      mark: text('How decisions name who made them.'),
      roles: list({ enum: [...PERSON_ROLES, MEMBER] }, 'See docs/roles.html.'),
      until: { ...INSTANT, description: 'The end, however often the session is renewed.' },
      csrf: text('The value of `X-CSRF-Token`, which unsafe methods need.'),
      member: text('Only with the role `member`: the id of this member.'),
      language: text('The language that the portal named in the link.'),
    },
  },
  Sandbox: {
    type: 'object',
    required: ['status'],
    properties: {
      status: { enum: ['starting', 'publishing', 'ready'] },
      members: { type: 'integer', description: 'Members of the synthetic payer.' },
      clients: {
        type: 'array',
        items: {
          type: 'object',
          required: ['client_id', 'name', 'npi', 'pem'],
          properties: {
            client_id: { type: 'string' },
            name: { type: 'string' },
            npi: { type: 'string' },
            pem: text('The file of its private key, on the machine of the sandbox.'),
          },
        },
      },
    },
  },
  EventRow: {
    type: 'object',
    required: ['index', 'status', 'receipt'],
    properties: {
      index: { type: 'integer', description: 'The place of the event in the request.' },
      id: text('The id of the event.'),
      status: {
        enum: ['accepted', 'effective', 'scheduled', 'superseded', 'held', 'parked', 'refused', 'unavailable'],
      },
      reason: { enum: [...Object.keys(FAULT_REASONS), ...Object.keys(REQUEST_FAULTS)] },
      detail: text('What is wrong, without a value of the event.'),
      from: { ...INSTANT, description: 'From when on a scheduled opt-out applies.' },
      by: text('The event that applies instead.'),
      deadLetter: text('The dead letter of a parked event.'),
      deadLetters: list({ type: 'string' }, 'Dead letters that deny the member of a held opt-in, ten at most.'),
      denies: { const: 'member', description: 'A parked event denies its member.' },
      bars: { const: 0, description: 'The opt-out bars none of the providers to whom the member is attributed now.' },
      receipt: text('For `GET /events/receipts/{id}`.'),
    },
  },
  Receipt: {
    type: 'object',
    required: ['receipt', 'expected', 'handled', 'counts', 'items'],
    properties: {
      receipt: { type: 'string' },
      expected: { type: ['integer', 'null'], description: 'Events that are stored. Null while the request runs.' },
      handled: { type: 'integer' },
      counts: counts('Events by outcome.'),
      removed: counts('Elements that redaction removed, by path, and drugs of prior authorizations.'),
      unresolved: counts(
        'Conditional references and URLs of attachments that lead nowhere, by path and type, and authorized products ' +
          'that have no code.',
      ),
      lacks: counts('What recorded resources lack of profiles that they declare, by profile, element and rule.'),
      unknownLabels: counts('Security labels of recorded resources that the policy of the platform does not know.'),
      withheldTags: counts(
        'Recorded resources that are withheld because of a code of a list, or lost a line, by code, list and law.',
      ),
      items: list({ type: 'object' }, 'A row for each event that is not `recorded`, or has a reason.'),
    },
  },
  DeadLetter: {
    type: 'object',
    required: ['id', 'status', 'reason', 'detail', 'topic', 'parkedBy', 'parkedAt', 'attempt'],
    properties: {
      id: { type: 'string' },
      status: { enum: ['open', 'replayed', 'discarded'] },
      reason: { enum: Object.keys(FAULT_REASONS) },
      detail: { type: 'string' },
      cause: text('Dead letters with one cause have the same reason, detail and type of event.'),
      topic: { type: 'string' },
      parkedBy: text('The service that could not take the event.'),
      parkedAt: INSTANT,
      attempt: { type: 'integer' },
      eventType: { type: 'string' },
      event: text('The id of the event.'),
      source: { type: 'string' },
      subject: { type: 'string' },
    },
  },
  DeadLetterCause: {
    type: 'object',
    required: ['cause', 'reason', 'detail', 'count', 'isMore', 'oldest', 'newest'],
    properties: {
      cause: text('The name of the cause, for `GET /events/dead-letters?cause=`.'),
      reason: { enum: Object.keys(FAULT_REASONS) },
      detail: { type: 'string' },
      eventType: text('As the sender wrote it, so it may be any text.'),
      count: { type: 'integer', description: 'Dead letters of this cause, at most 1000.' },
      isMore: { type: 'boolean', description: 'There are more than `count`.' },
      oldest: INSTANT,
      newest: INSTANT,
    },
  },
  ...RUNS,
  PayerEvent: {
    description: 'A CloudEvent of the payer. The schema of `data` depends on `type`.',
    type: 'object',
    required: ['specversion', 'id', 'source', 'type', 'time', 'data'],
    properties: {
      specversion: { const: '1.0' },
      id: text('Unique within `source`. A second event with both changes nothing.'),
      source: text('The system that says it, a URI reference.'),
      time: { ...INSTANT, description: 'When it became true. The later statement stands.' },
      subject: text('The member id. For events about providers: the NPI or the id of the organization.'),
      type: { enum: Object.keys(PAYER_EVENTS) },
    },
    oneOf: Object.keys(PAYER_EVENTS).map((type) => ({
      properties: { type: { const: type }, data: { $ref: `#/components/schemas/${type}` } },
    })),
  },
  ...Object.fromEntries(
    Object.entries(PAYER_EVENTS).map(([type, { schema, title }]) => [
      type,
      { title, ...inputSchema(schema), examples: [(fixture(type) as { data?: unknown }).data ?? fixture(type)] },
    ]),
  ),
};
