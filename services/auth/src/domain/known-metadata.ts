import { printable } from '@provider-access/fhir';
import { z } from 'zod';
import { PLAIN } from './names.ts';

/** Characters of one text, entries of a list, and characters of all further metadata together as JSON. */
const MAX_TEXT = 500;
const MAX_ENTRIES = 50;
const MAX_ALL = 20_000;
/** Names that an answer lists or refuses. */
const MAX_NAMES = 50;

const text = z
  .string('must be a text')
  .trim()
  .min(1, 'must not be empty')
  .max(MAX_TEXT, `is longer than ${MAX_TEXT} characters`)
  .regex(PLAIN, 'holds control characters');
const url = z
  .string('must be a URL')
  .max(2000, 'is longer than 2000 characters')
  .regex(PLAIN, 'holds control characters')
  .refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), 'must be an http or https URL');
/** A redirect may lead into an app of a phone, by a scheme of its own, but never run a script. */
const redirect = z
  .string('must be a URL')
  .max(2000, 'is longer than 2000 characters')
  .regex(PLAIN, 'holds control characters')
  .refine((value) => URL.canParse(value) && !/^(javascript|data|vbscript|blob):/i.test(value), 'must be a URL');
const listOf = <S extends z.ZodType>(entry: S) =>
  z.array(entry, 'must be a list').max(MAX_ENTRIES, `has more than ${MAX_ENTRIES} entries`);
const flag = z.boolean('must be true or false');
const seconds = z.int('must be a whole number').min(0, 'must not be negative');
const date = z.iso.date('must be a date such as 2026-11-30');

const MAIL = /^(mailto:)?[^\s@<>"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/;
/** People who answer for something. */
export const people = z
  .array(
    z
      .string()
      .max(320)
      .regex(PLAIN, 'holds control characters')
      .regex(MAIL, 'must be an e-mail address or a mailto: URL'),
    'must be a list of e-mail addresses',
  )
  .min(1, 'needs at least one')
  .max(10, 'has more than 10 entries');

/** What an organization and its app say of themselves beside names, keys and identifiers (APPS.md P40). */
const OURS = {
  legal_name: text.describe('The legal name of the organization.'),
  lines_of_business: listOf(text).describe('Lines of business for which the app reads.'),
  contract_ids: listOf(text).describe('Ids of contracts with the payer.'),
  ehr_vendor: text.describe('The vendor of the system.'),
  purpose: text.describe('What the data are for.'),
  environment: z
    .enum(['production', 'test', 'development'], 'must be production, test or development')
    .describe('Where the app runs: `production`, `test` or `development`.'),
  security_contacts: people.describe('E-mail addresses for incidents.'),
  operations_contacts: people.describe('E-mail addresses for operations.'),
  attestation: z
    .strictObject(
      { version: text, date, terms: url.optional() },
      'must be an object with version and date, and perhaps terms',
    )
    .describe('The version of the terms of the payer that the organization accepted, and the date.'),
};
/** RFC 7591 section 2, beside what `client-metadata.ts` reads. This server grants by `scope` alone. */
const RFC_7591 = {
  redirect_uris: listOf(redirect),
  response_types: listOf(text),
  client_uri: url,
  logo_uri: url,
  tos_uri: url,
  policy_uri: url,
  software_id: text,
  software_version: text,
  software_statement: z.string('must be a text').max(MAX_ALL, `is longer than ${MAX_ALL} characters`),
};
const TEXTS_OF_IANA =
  'application_type subject_type id_token_signed_response_alg id_token_encrypted_response_alg ' +
  'id_token_encrypted_response_enc userinfo_signed_response_alg userinfo_encrypted_response_alg ' +
  'userinfo_encrypted_response_enc request_object_signing_alg request_object_encryption_alg ' +
  'request_object_encryption_enc token_endpoint_auth_signing_alg nfv_token_signed_response_alg ' +
  'nfv_token_encrypted_response_alg nfv_token_encrypted_response_enc tls_client_auth_subject_dn ' +
  'tls_client_auth_san_dns tls_client_auth_san_uri tls_client_auth_san_ip tls_client_auth_san_email ' +
  'introspection_signed_response_alg introspection_encrypted_response_alg introspection_encrypted_response_enc ' +
  'organization_name description';
const URLS_OF_IANA =
  'sector_identifier_uri initiate_login_uri frontchannel_logout_uri backchannel_logout_uri signed_jwks_uri ' +
  'information_uri organization_uri';
const LISTS_OF_URLS_OF_IANA = 'request_uris claims_redirect_uris post_logout_redirect_uris';
const LISTS_OF_IANA =
  'default_acr_values authorization_details_types client_registration_types keywords ' +
  'encrypted_response_enc_values_supported';
const FLAGS_OF_IANA =
  'require_auth_time tls_client_certificate_bound_access_tokens require_signed_request_object ' +
  'require_pushed_authorization_requests frontchannel_logout_session_required backchannel_logout_session_required ' +
  'dpop_bound_access_tokens use_mtls_endpoint_aliases';
const named = <S extends z.ZodType>(names: string, schema: S): Record<string, S> =>
  Object.fromEntries(names.split(' ').map((name) => [name, schema]));

/**
 * Every further field that a registration keeps and returns (APPS.md P40, P42): ours, those of RFC 7591, and those of
 * IANA's registry "OAuth Dynamic Client Registration Metadata" as of 2026-03-25
 * (https://www.iana.org/assignments/oauth-parameters). Metadata that no registry has, such as those of CIBA and JARM,
 * are unknown here.
 */
const KNOWN: Readonly<Record<string, z.ZodType>> = {
  ...OURS,
  ...RFC_7591,
  ...named(TEXTS_OF_IANA, text),
  ...named(URLS_OF_IANA, url),
  ...named(LISTS_OF_URLS_OF_IANA, listOf(redirect)),
  ...named(LISTS_OF_IANA, listOf(text)),
  ...named(FLAGS_OF_IANA, flag),
  default_max_age: seconds,
  vp_formats_supported: z.record(z.string(), z.unknown(), 'must be an object'),
};
/** Texts for people, which may have a language: `client_name#fr` (RFC 7591 section 2.2). */
const HUMAN = ['client_name', 'client_uri', 'logo_uri', 'tos_uri', 'policy_uri', 'legal_name', 'purpose'];
/** What this server gives, and no client chooses. Nothing of it is kept. */
const OF_THE_SERVER = new Set(
  (
    'client_id client_secret client_id_issued_at client_secret_expires_at registration_access_token ' +
    'registration_client_uri'
  ).split(' '),
);

/** What a payer may demand of a registration by `REGISTRATION_REQUIRES` (APPS.md P40). */
export const REQUIRABLE = [...Object.keys(OURS), 'rendering_npi', 'software_id'] as const satisfies readonly string[];

/** The schemas of the fields of P40, for the documents. */
export const oursOptional = Object.fromEntries(
  Object.entries(OURS).map(([name, schema]) => [name, schema.optional()]),
) as { readonly [N in keyof typeof OURS]: z.ZodOptional<(typeof OURS)[N]> };

export interface FurtherMetadata {
  /** Absent without any. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Fields that nobody knows, as far as they can be printed. */
  readonly ignored: readonly string[];
  /** What is wrong: the name of a field and the fault, never a value. */
  readonly faults: readonly string[];
}

function schemaOf(name: string): z.ZodType | undefined {
  if (Object.hasOwn(KNOWN, name)) return KNOWN[name];
  const [, base = '', language] = /^([a-z_]+)#([A-Za-z0-9-]{1,35})$/.exec(name) ?? [];
  if (language === undefined || !HUMAN.includes(base)) return undefined;
  return Object.hasOwn(KNOWN, base) ? KNOWN[base] : text;
}

/**
 * The fields of a registration beside those that the server reads itself.
 * @param own the names of those
 */
export function furtherMetadata(
  body: Readonly<Record<string, unknown>>,
  own: ReadonlySet<string>,
  { unknown, requires }: { readonly unknown: 'refuse' | 'ignore'; readonly requires: readonly string[] },
): FurtherMetadata {
  const metadata: [string, unknown][] = [];
  const strangers: string[] = [];
  const faults: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (own.has(name)) continue;
    if (OF_THE_SERVER.has(name)) {
      faults.push(`${name}: is given by this server; leave it out`);
      continue;
    }
    const schema = schemaOf(name);
    if (schema === undefined) {
      strangers.push(printable(name.replaceAll('#', '.')) === '(unprintable)' ? '(unprintable)' : name);
      continue;
    }
    const read = schema.safeParse(value);
    if (read.success) metadata.push([name, read.data]);
    else
      for (const { path, message } of read.error.issues.slice(0, 3))
        faults.push(`${[name, ...path].join('.')}: ${message}`);
  }
  for (const name of requires) if (body[name] === undefined) faults.push(`${name}: is required by this payer`);
  if (unknown === 'refuse' && strangers.length > 0)
    faults.push(`unknown fields: ${strangers.slice(0, 10).join(', ')}; leave them out`);
  if (JSON.stringify(metadata).length > MAX_ALL)
    faults.push(`the further fields have more than ${MAX_ALL} characters together`);
  return {
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
    ignored: strangers.slice(0, MAX_NAMES),
    faults,
  };
}
