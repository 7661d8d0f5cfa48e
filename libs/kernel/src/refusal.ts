/**
 * Every reason to refuse a request, with its HTTP status, its code in an OperationOutcome and its OAuth error.
 * https://hl7.org/fhir/R4/valueset-issue-type.html, RFC 6749 §5.2, RFC 6750 §3.1
 */
export const REFUSALS = {
  'invalid-request': { status: 400, issue: 'invalid', oauth: 'invalid_request' },
  'invalid-value': { status: 400, issue: 'value', oauth: 'invalid_request' },
  required: { status: 400, issue: 'required', oauth: 'invalid_request' },
  'not-supported': { status: 400, issue: 'not-supported', oauth: 'invalid_request' },
  'unknown-reference': { status: 400, issue: 'not-found', oauth: 'invalid_request' },
  'over-budget': { status: 400, issue: 'too-costly', oauth: 'invalid_request' },
  'unsupported-grant-type': { status: 400, issue: 'invalid', oauth: 'unsupported_grant_type' },
  'invalid-scope': { status: 400, issue: 'invalid', oauth: 'invalid_scope' },
  'unauthorized-client': { status: 400, issue: 'forbidden', oauth: 'unauthorized_client' },
  'invalid-client-metadata': { status: 400, issue: 'invalid', oauth: 'invalid_client_metadata' },
  'invalid-client': { status: 401, issue: 'login', oauth: 'invalid_client' },
  'invalid-token': { status: 401, issue: 'login', oauth: 'invalid_token' },
  'insufficient-scope': { status: 403, issue: 'forbidden', oauth: 'insufficient_scope' },
  forbidden: { status: 403, issue: 'forbidden', oauth: 'access_denied' },
  'not-found': { status: 404, issue: 'not-found', oauth: 'not_found' },
  'method-not-allowed': { status: 405, issue: 'not-supported', oauth: 'invalid_request' },
  'not-acceptable': { status: 406, issue: 'not-supported', oauth: 'invalid_request' },
  'too-slow': { status: 408, issue: 'timeout', oauth: 'invalid_request' },
  conflict: { status: 409, issue: 'conflict', oauth: 'invalid_request' },
  gone: { status: 410, issue: 'deleted', oauth: 'not_found' },
  'too-large': { status: 413, issue: 'too-long', oauth: 'invalid_request' },
  'too-costly': { status: 413, issue: 'too-costly', oauth: 'invalid_request' },
  'unsupported-media-type': { status: 415, issue: 'not-supported', oauth: 'invalid_request' },
  'range-not-satisfiable': { status: 416, issue: 'value', oauth: 'invalid_request' },
  unprocessable: { status: 422, issue: 'business-rule', oauth: 'invalid_request' },
  'too-many-requests': { status: 429, issue: 'throttled', oauth: 'slow_down' },
  'head-too-large': { status: 431, issue: 'too-long', oauth: 'invalid_request' },
  internal: { status: 500, issue: 'exception', oauth: 'server_error' },
  unavailable: { status: 503, issue: 'transient', oauth: 'temporarily_unavailable' },
  'storage-full': { status: 507, issue: 'no-store', oauth: 'temporarily_unavailable' },
} as const satisfies Record<string, { status: number; issue: string; oauth: string }>;
export type RefusalKind = keyof typeof REFUSALS;

/**
 * Guards and handlers of HTTP throw it. The client sees `text`, which names the fault and the next step. The text never
 * contains protected data or the reason of a denial.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: RefusalKind;
  readonly expression: string | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    kind: RefusalKind,
    text: string,
    options: { expression?: string; retryAfter?: number; headers?: Record<string, string> } = {},
  ) {
    super(text);
    this.kind = kind;
    this.expression = options.expression;
    this.retryAfter = options.retryAfter;
    this.headers = options.headers ?? {};
  }
  get status(): number {
    return REFUSALS[this.kind].status;
  }
}

/**
 * The one answer under /fhir for a resource or Group that does not exist and for one that the client may not see, so
 * that nobody can tell them apart, whichever service answers.
 */
export const unknownResource = (): Refusal =>
  new Refusal('not-found', 'There is no such resource, or it is not available to you.');

/** The answer for a resource, or a version of one, that was removed. Only for a client that may see the member. */
export const removedResource = (): Refusal => new Refusal('gone', 'This resource was removed.');
