import type { RefusalKind } from './refusal.ts';

/**
 * What an app does after each refusal. `GET /refusals` answers with these sentences. `docs/refusals.md` has the same,
 * with links; a test compares them. Marks of code are those of Markdown.
 */
export const CURES: Readonly<Record<RefusalKind, string>> = {
  'invalid-request': 'Correct what the text names.',
  'invalid-value': 'Correct the parameter, or start again from the first page.',
  required: 'Add it. A search needs `patient` or `_id`.',
  'not-supported': 'Leave it out. At an export, `Prefer: handling=lenient` ignores it if it restricts nothing.',
  'over-budget': 'Ask with fewer values or conditions, or narrow it to one patient, a code and a date.',
  'unsupported-grant-type': 'Use `client_credentials`.',
  'invalid-scope': 'Ask for scopes that `GET` on the registration URI shows.',
  'unauthorized-client': 'Wait for the reviewer, or ask the payer about the network status.',
  'invalid-client-metadata': 'Correct each field that the text names.',
  'invalid-client': 'Ask `POST /auth/check-assertion`.',
  'invalid-token': 'Get a new access token. They live for 5 minutes.',
  'unknown-reference': 'Correct the references, or send `Prefer: handling=lenient`.',
  'insufficient-scope': 'Ask for a token with the scope that the text names.',
  forbidden: 'Register again, or ask the payer.',
  'not-found': 'Check the id, then ask the payer.',
  'method-not-allowed': 'Use a method of the header `Allow`.',
  'not-acceptable': 'Accept `application/fhir+json`, or add `_format=json`.',
  'too-slow': 'Send smaller bodies, or events as a stream of NDJSON.',
  conflict: 'Read the state again, then decide.',
  gone: 'Delete your copy. `_history` has the versions before.',
  'too-large': 'Send less, or events as a stream of NDJSON.',
  'too-costly':
    'Read a Group with `_summary=true`; `$export?_type=Patient` gives the Patient of each member. ' +
    'Search for fewer values.',
  'unsupported-media-type': 'Use a type that the text names. Send the body as it is, in UTF-8.',
  'range-not-satisfiable': 'Download the file again from the start.',
  unprocessable: 'Correct the element that the text names.',
  'too-many-requests': 'Wait for the seconds of `Retry-After`.',
  'head-too-large': 'Send a long search by POST to `[type]/_search`.',
  internal: 'Repeat the request. If it fails again, tell the payer when it happened.',
  unavailable: 'Repeat after `Retry-After`. Nothing is lost.',
  'storage-full': 'Start the export again later.',
};
