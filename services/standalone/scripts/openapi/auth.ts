import {
  approval,
  assertionCheckRequest,
  assertionCheckResponse,
  clientMetadata,
  ending,
  registrationUpdate,
} from '@provider-access/auth';
import { JSON_TYPE } from '@provider-access/service/http';
import { ref } from '@provider-access/service/operation';
import type { Content, Operation } from './operation.ts';

const NPI = '1234567893';
const METADATA: NonNullable<Content['fields']> = {
  client_name: 'The name that the reviewer and the audit see.',
  jwks: 'The public keys, ES384 or RS384 with at least 2048 bits, each with a `kid`. Give this or `jwks_uri`.',
  jwks_uri: 'An https URL of the public keys. It is fetched only after the approval.',
  scope: 'Scopes separated by spaces, for example `system/*.rs`.',
  contacts: 'E-mail addresses of people who answer for the app.',
  npi: {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    maxItems: 50,
    description: 'The NPIs of the providers for whom the app reads. A single one may be a text.',
  },
  tin: {
    type: 'array',
    items: { type: 'string' },
    maxItems: 50,
    description: 'TINs of the same providers, if a Group is known by its TIN.',
  },
};
const KEY = { kty: 'EC', crv: 'P-384', kid: 'k1', x: '…', y: '…' };
const REGISTRATION = {
  client_name: 'Clinic',
  npi: [NPI],
  contacts: ['it@clinic.example'],
  scope: 'system/*.rs',
  jwks: { keys: [KEY] },
};
const FORM = 'application/x-www-form-urlencoded';
const DECISION = {
  tag: 'Review of apps',
  parameters: { client: 'The `client_id` of the app.' },
  refusals: ['invalid-request', 'not-found', 'conflict'],
  answer: { description: 'The app after the decision, with its history.', type: JSON_TYPE, schema: ref('Client') },
} as const satisfies Partial<Operation>;
const ENDING = {
  required: true,
  content: {
    [JSON_TYPE]: {
      schema: ending,
      fields: { reason: 'Why. The app and the history show it.' },
      example: { reason: 'The contract has ended.' },
    },
  },
};

export const AUTH: Readonly<Record<string, Operation>> = {
  'POST /auth/register': {
    tag: 'Apps and tokens',
    summary: 'Register an app',
    description:
      'Dynamic client registration (RFC 7591). The app waits for a reviewer of the payer, who checks that its NPIs ' +
      'and TINs are its own. Keep `registration_access_token`: it is shown once.',
    body: {
      required: true,
      content: { [JSON_TYPE]: { schema: clientMetadata(false), fields: METADATA, example: REGISTRATION } },
    },
    answer: { description: 'The app is registered and waits.', type: JSON_TYPE, schema: ref('Registration') },
    refusals: ['invalid-client-metadata', 'too-large', 'too-many-requests'],
  },
  'GET /auth/register/{client}': {
    tag: 'Apps and tokens',
    summary: 'Ask whether the app is approved',
    description: 'Needs the registration access token of the app, in `Authorization: Bearer`.',
    parameters: { client: 'The `client_id` of the app.' },
    answer: { description: 'The app as it is now.', type: JSON_TYPE, schema: ref('Client') },
    refusals: ['invalid-token', 'too-many-requests'],
  },
  'PUT /auth/register/{client}': {
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
  },
  'POST /auth/token': {
    tag: 'Apps and tokens',
    summary: 'Get an access token',
    description:
      'Client credentials with a signed assertion (SMART Backend Services, RFC 7523). The assertion is a JWT with ' +
      '`iss` and `sub` (the `client_id`), `aud` (this URL), `exp` (at most 5 minutes ahead) and a new `jti`.',
    body: {
      required: true,
      content: {
        [FORM]: {
          schema: {
            type: 'object',
            required: ['grant_type', 'client_assertion_type', 'client_assertion', 'scope'],
            properties: {
              grant_type: { const: 'client_credentials' },
              client_assertion_type: { const: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
              client_assertion: { type: 'string', description: 'The signed JWT. Each is accepted once.' },
              scope: { type: 'string', description: 'Scopes that the app registered, for example `system/*.rs`.' },
              client_id: { type: 'string', description: 'Optional. If it is given, it must be `iss`.' },
            },
          },
        },
      },
    },
    answer: {
      description: 'A token for 5 minutes.',
      type: JSON_TYPE,
      schema: ref('Token'),
      example: { access_token: 'eyJ…', token_type: 'bearer', expires_in: 300, scope: 'system/*.rs' },
    },
    refusals: [
      'invalid-request',
      'invalid-client',
      'invalid-scope',
      'unauthorized-client',
      'unsupported-grant-type',
      'too-many-requests',
      'unavailable',
    ],
  },
  'POST /auth/check-assertion': {
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
  },
  'POST /auth/introspect': {
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
  },
  'GET /': {
    tag: 'Apps and tokens',
    summary: 'Find the API and its documentation',
    description: 'The URLs that a client begins with. A browser gets a page with the same links.',
    answer: {
      description: 'Absolute URLs.',
      type: JSON_TYPE,
      schema: {
        type: 'object',
        required: ['name', 'sandbox', 'fhir', 'capabilities', 'discovery', 'openapi', 'documentation'],
        properties: {
          name: { type: 'string' },
          sandbox: { type: 'boolean', description: 'Whether all data is synthetic.' },
          fhir: { type: 'string', description: 'Base URL of the FHIR API.' },
          capabilities: { type: 'string', description: 'The CapabilityStatement.' },
          discovery: { type: 'string', description: 'The SMART configuration.' },
          openapi: { type: 'string', description: 'This document.' },
          documentation: { type: 'string', description: 'The pages for people.' },
        },
      },
    },
    refusals: [],
  },
  'GET /.well-known/smart-configuration': {
    tag: 'Apps and tokens',
    summary: 'Find the endpoints',
    description: 'SMART discovery. The same document is below the FHIR base.',
    answer: { description: 'The SMART configuration.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: [],
  },
  'GET /fhir/.well-known/smart-configuration': {
    tag: 'Apps and tokens',
    summary: 'Find the endpoints, below the FHIR base',
    answer: { description: 'The SMART configuration.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: [],
  },
  'GET /auth/jwks': {
    tag: 'Apps and tokens',
    summary: 'Get the public keys that sign access tokens',
    answer: { description: 'A key set (RFC 7517).', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: [],
  },
  'GET /auth/clients': {
    tag: 'Review of apps',
    summary: 'List apps',
    parameters: {
      status: 'Only apps in this state.',
      _count: 'Apps a page, at most 1000.',
      after: 'The last `client_id` of the page before. `next` contains it.',
    },
    answer: {
      description: 'In the order of registration.',
      type: JSON_TYPE,
      schema: {
        type: 'object',
        required: ['clients'],
        properties: {
          clients: { type: 'array', items: ref('Client') },
          next: { type: 'string', format: 'uri', description: 'The next page, if there is one.' },
        },
      },
    },
    refusals: ['invalid-value'],
  },
  'GET /auth/clients/{client}': {
    tag: 'Review of apps',
    summary: 'Show an app with its history',
    description: 'Also shows who owns each NPI and TIN by the directory of the payer, and which other apps have it.',
    parameters: { client: 'The `client_id` of the app.' },
    answer: { description: 'The app.', type: JSON_TYPE, schema: ref('Client') },
    refusals: ['not-found'],
  },
  'POST /auth/clients/{client}/approve': {
    ...DECISION,
    summary: 'Approve an app for NPIs and TINs',
    description: 'Name each NPI and TIN with the evidence that it belongs to the app (/docs/reviewing.html).',
    body: {
      content: {
        [JSON_TYPE]: {
          schema: approval,
          fields: {
            identifiers: {
              type: 'array',
              maxItems: 100,
              description: 'An NPI or a TIN each, with its evidence.',
              items: {
                type: 'object',
                required: ['evidence'],
                properties: { npi: { type: 'string' }, tin: { type: 'string' }, evidence: { type: 'string' } },
              },
            },
            sharedWith: 'Other approved apps that have one of the identifiers. Naming them confirms both.',
            scope: 'Narrows the scopes that the app registered.',
            reason: 'Shown in the history.',
            npis: { deprecated: true, not: {}, description: 'No longer accepted.' },
            tins: { deprecated: true, not: {}, description: 'No longer accepted.' },
          },
          example: { identifiers: [{ npi: NPI, evidence: 'contract 7' }] },
        },
      },
    },
    refusals: [...DECISION.refusals, 'unavailable'],
  },
  'POST /auth/clients/{client}/reject': { ...DECISION, summary: 'Reject an app that waits', body: ENDING },
  'POST /auth/clients/{client}/suspend': {
    ...DECISION,
    summary: 'Suspend an approved app',
    description: 'When this answers, every process refuses the app.',
    body: ENDING,
    refusals: [...DECISION.refusals, 'unavailable'],
  },
  'GET /auth/signing-keys': {
    tag: 'Operations',
    summary: 'List the keys that sign access tokens',
    answer: { description: 'Published keys by `kid`.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: [],
  },
  'POST /auth/signing-keys/{kid}/withdraw': {
    tag: 'Operations',
    summary: 'Withdraw a signing key that is no longer secret',
    description: 'When this answers, every process refuses tokens of the key, for good.',
    parameters: { kid: 'The id of the key.' },
    answer: { description: 'The keys that are left.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: ['not-found', 'unavailable'],
  },
};
