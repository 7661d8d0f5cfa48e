import { MAX_SCOPE_LENGTH, registrable, scopeFaults } from '@provider-access/domain/smart';
import { type AppRegistered, isNpi, isTin } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { jwksUriFault, keyFault } from '@provider-access/smart';
import { z } from 'zod';
import { nameFault, oneForm, PLAIN } from '../../domain/names.ts';
import { furtherMetadata, type FurtherMetadata, oursOptional, people } from '../../domain/known-metadata.ts';

const KEY_MEMBERS = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const;

/** NPIs, and TINs, of an app. The number is small because a reviewer checks each of them by hand. */
const MAX_IDENTIFIERS = 50;

/** Accepts a string or a list of strings, and returns a list without duplicates. */
const oneOrMany = (check: (value: string) => boolean, what: string) =>
  z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z
      .array(z.string(`must be ${what}`).refine(check, `must be ${what}`))
      .min(1, 'needs at least one')
      .max(MAX_IDENTIFIERS, `has more than ${MAX_IDENTIFIERS} entries`)
      .transform((v) => [...new Set(v)]),
  );

/** Adds the fault that a function finds, if any. */
const checked =
  <T>(faultOf: (value: T) => string | undefined) =>
  (value: T, context: z.RefinementCtx, path?: PropertyKey[]): void => {
    const message = faultOf(value);
    if (message !== undefined) context.addIssue({ code: 'custom', path, message });
  };

const keySet = z
  .object({
    keys: z
      .array(z.record(z.string(), z.unknown()))
      .min(1, 'needs at least one key')
      .max(20, 'holds more than 20 keys'),
  })
  .superRefine(({ keys }, context) => {
    keys.forEach((key, i) => checked(keyFault)(key, context, ['keys', i]));
    if (new Set(keys.map((k) => k['kid'])).size !== keys.length)
      context.addIssue({ code: 'custom', path: ['keys'], message: 'holds two keys with the same kid' });
  })
  .transform(({ keys }) => ({
    keys: keys.map((key) =>
      Object.fromEntries(KEY_MEMBERS.filter((m) => key[m] !== undefined).map((m) => [m, key[m]])),
    ),
  }));

const name = z
  .string('must be a text')
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'is longer than 200 characters')
  .regex(PLAIN, 'holds control characters');

const fields = (allowInsecureJwks: boolean) =>
  z.object({
    client_name: name.transform(oneForm).superRefine(checked(nameFault)),
    jwks: keySet.optional(),
    jwks_uri: z
      .string('must be a URL')
      .superRefine(checked((text: string) => jwksUriFault(text, allowInsecureJwks)))
      .optional(),
    scope: z
      .string('must be scopes separated by spaces')
      .max(MAX_SCOPE_LENGTH, `is longer than ${MAX_SCOPE_LENGTH} characters`)
      .superRefine(
        checked((list: string) => {
          const { tooMuch, refused } = scopeFaults(list);
          // P52: what is left of the list is registered, and the answer names the rest.
          return tooMuch ?? (refused.length > 0 && registrable(list) === '' ? refused.join(', ') : undefined);
        }),
      )
      .transform(registrable)
      .refine(
        (v) => v !== '',
        'names no system scope that this server grants, such as system/*.read or system/Patient.rs',
      ),
    contacts: people,
    npi: oneOrMany(isNpi, 'an NPI of ten digits with a valid check digit').optional(),
    tin: oneOrMany(isTin, 'a TIN of nine digits').optional(),
    rendering_npi: oneOrMany(isNpi, 'an NPI of ten digits with a valid check digit').optional(),
    grant_types: z
      .array(z.string())
      .refine((v) => v.includes('client_credentials'), 'must hold client_credentials')
      .optional(),
    token_endpoint_auth_method: z.literal('private_key_jwt', 'must be private_key_jwt').optional(),
  });

const hasOneKeySet = (m: { readonly jwks?: unknown; readonly jwks_uri?: unknown }): boolean =>
  (m.jwks === undefined) !== (m.jwks_uri === undefined);
const NOT_ONE_KEY_SET = { path: ['jwks'], message: 'give exactly one of jwks and jwks_uri' };

const hasIdentifier = (m: Readonly<Partial<Record<'npi' | 'tin' | 'rendering_npi', unknown>>>): boolean =>
  m.npi !== undefined || m.tin !== undefined || m.rendering_npi !== undefined;
const NO_IDENTIFIER = { path: ['npi'], message: 'is required, or tin: an app speaks for an NPI or a TIN' };

/** What the server reads itself of a registration. `known-metadata.ts` has every other field. */
export const OWN_FIELDS: ReadonlySet<string> = new Set(Object.keys(fields(false).shape));

/** RFC 7591 §2 client metadata with our `npi`, `tin` and `rendering_npi`, one of which is enough (APPS.md P41). */
export const clientMetadata = (allowInsecureJwks: boolean) =>
  fields(allowInsecureJwks).refine(hasOneKeySet, NOT_ONE_KEY_SET).refine(hasIdentifier, NO_IDENTIFIER);

/** What an update has beside client metadata. */
const OF_UPDATES = {
  client_id: z.string('must be the client_id of the URL'),
  previous_keys: z.enum(['keep', 'end'], 'must be keep or end').optional(),
};
/** RFC 7592 §2.2: all client metadata again. What is left out is removed, so what is required has to be there. */
export const registrationUpdate = (allowInsecureJwks: boolean) =>
  fields(allowInsecureJwks)
    // By no rule for new names, because apps of earlier releases may have others.
    .extend({ ...OF_UPDATES, client_name: name })
    .refine(hasOneKeySet, NOT_ONE_KEY_SET)
    .refine(hasIdentifier, NO_IDENTIFIER);
/** Keys alone, as clients of earlier releases send them. No whole record is so short. */
const KEYS_ALONE: ReadonlySet<string> = new Set([...Object.keys(OF_UPDATES), 'jwks', 'jwks_uri']);
export const keyUpdate = (allowInsecureJwks: boolean) =>
  fields(allowInsecureJwks)
    .pick({ jwks: true, jwks_uri: true })
    .extend(OF_UPDATES)
    .refine(hasOneKeySet, NOT_ONE_KEY_SET);
/** The fields of both, for the documents. */
export const documentedUpdate = fields(false).partial().extend(OF_UPDATES).extend(oursOptional);
export const isKeyUpdate = (body: object): boolean => Object.keys(body).every((field) => KEYS_ALONE.has(field));

/** What an answer of this server has and no client says. An update may repeat it, and nothing of it is read. */
const ANSWERED: ReadonlySet<string> = new Set([
  ...['client_id_issued_at', 'registration_client_uri', 'registration_expires_at', 'scope_refused', 'ignored'],
  ...['status', 'reason', 'note', 'bound', 'waits_for_review', 'keys_changed_at', 'former_keys', 'updated_at'],
]);
/** The body of an update without what an answer adds, and without what is null, which means left out (RFC 7592). */
export function ofUpdate(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([field, value]) => value !== null && !ANSWERED.has(field)));
}

export type Metadata = z.output<ReturnType<typeof clientMetadata>>;
export type FurtherFields = Readonly<Record<string, unknown>> | undefined;

/** What pa.app-registered.v1 has of the metadata, beside name and keys. */
export function recordOf(
  { scope, contacts, npi = [], tin = [], rendering_npi: rendering }: Metadata,
  further: FurtherFields,
): Pick<AppRegistered, 'scope' | 'contacts' | 'npis' | 'tins' | 'metadata'> {
  return {
    scope,
    contacts,
    npis: [...new Set([...npi, ...(rendering ?? [])])],
    tins: [...new Set(tin.map((t) => t.replace('-', '')))],
    // Also which NPIs are of the organization.
    metadata: rendering === undefined ? further : { ...further, npi, rendering_npi: rendering },
  };
}

/** @throws Refusal 400 invalid_client_metadata that names each wrong field, never its value */
export function readMetadata<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(
      'invalid-client-metadata',
      'The body must be a JSON object with client metadata (RFC 7591), Content-Type application/json.',
    );
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 10).map(({ path, code, message }) => {
    const missing = code === 'invalid_type' && (body as Record<string, unknown>)[String(path[0])] === undefined;
    return `${path.join('.') || 'body'}: ${missing ? 'is required' : message}`;
  });
  throw new Refusal('invalid-client-metadata', faults.join('; '));
}

/** The schema of a registration with the fields of P40, for the documents. */
export const documentedMetadata = fields(false).extend(oursOptional);

/**
 * The other fields of a registration that `clientMetadata` has read (APPS.md P40, P42).
 * @param more names of fields that the server reads itself, too
 * @throws Refusal 400 invalid_client_metadata that names each wrong field, never its value
 */
export function readFurther(
  body: unknown,
  options: Parameters<typeof furtherMetadata>[2],
  more: readonly string[] = [],
): Pick<FurtherMetadata, 'metadata' | 'ignored'> {
  const { faults, ...read } = furtherMetadata(
    body as Readonly<Record<string, unknown>>,
    new Set([...OWN_FIELDS, ...more]),
    options,
  );
  if (faults.length > 0) throw new Refusal('invalid-client-metadata', faults.slice(0, 20).join('; '));
  return read;
}
