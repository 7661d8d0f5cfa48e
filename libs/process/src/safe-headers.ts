import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';

/**
 * Headers of every answer. A browser must not guess another type, must run nothing, and must show the answer in no page
 * of another site. Pages that run something have a policy of their own, which replaces this one.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
};

type Given = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * A response with `SAFE_HEADERS`, unless its handler gives its own values. Node calls `writeHead` for each head. There
 * they cost less than before the handler: once one header is set, Node checks and copies all the others too.
 */
export class SafeResponse extends ServerResponse<IncomingMessage> {
  override writeHead(status: number, given?: Given): this;
  override writeHead(status: number, reason?: string, given?: Given): this;
  override writeHead(status: number, second?: string | Given, third?: Given): this {
    const [reason, given] = typeof second === 'string' ? [second, third] : [undefined, second];
    const isSet = Array.isArray(given) || this.getHeaderNames().length > 0;
    if (isSet) for (const name in SAFE_HEADERS) if (!this.hasHeader(name)) this.setHeader(name, SAFE_HEADERS[name]!);
    const headers = isSet ? given : withSafe(given);
    return reason === undefined ? super.writeHead(status, headers) : super.writeHead(status, reason, headers);
  }
}

function withSafe(given: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...SAFE_HEADERS };
  for (const name in given) {
    const lower = name.toLowerCase();
    if (name !== lower && lower in SAFE_HEADERS) delete headers[lower];
    headers[name] = given[name];
  }
  return headers;
}
