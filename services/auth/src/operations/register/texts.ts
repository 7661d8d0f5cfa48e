import type { Descriptor } from '@provider-access/service/operation';

type Content = NonNullable<NonNullable<Descriptor['body']>['content']>[string];

/** What the documents say of client metadata. */
export const METADATA: NonNullable<Content['fields']> = {
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
    description:
      'The NPIs of the providers for whom the app reads. A single one may be a text. `npi` or `tin` is enough.',
  },
  tin: {
    type: 'array',
    items: { type: 'string' },
    maxItems: 50,
    description: 'TINs of the same providers, if a Group is known by its TIN.',
  },
  rendering_npi: {
    type: 'array',
    items: { type: 'string' },
    maxItems: 50,
    description: 'NPIs of clinicians who render care for the organization. A reviewer binds them like `npi`.',
  },
};
export const KEY = { kty: 'EC', crv: 'P-384', kid: 'k1', x: '…', y: '…' };
export const NPI = '1234567893';
export const REGISTRATION = {
  client_name: 'Clinic',
  npi: [NPI],
  contacts: ['it@clinic.example'],
  scope: 'system/*.rs',
  jwks: { keys: [KEY] },
};
