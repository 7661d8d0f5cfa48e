import {
  request as plainRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { request as tlsRequest } from 'node:https';
import { Refusal } from '@provider-access/kernel';
import type { ForwardedRequest, ForwardedResponse, ForwardExport } from './export.controller.ts';

export interface ForwardOptions {
  /** Where export answers: scheme, host, port and perhaps a path before `/fhir`. */
  readonly base: string;
  /** How long a connection may take, ms. Default 3000. */
  readonly connectMs?: number;
  /** How long export may be silent before its answer begins, ms: a kick-off waits for views. Default 30,000. */
  readonly answerMs?: number;
}

/**
 * Of one connection, not of the message (RFC 9110 §7.6.1); `host` and `expect` belong to the hop, `content-length` is
 * told anew.
 */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
  'content-length',
]);

function endToEnd(headers: ForwardedRequest['headers'] | IncomingHttpHeaders): OutgoingHttpHeaders {
  // Connection names further headers that end at this hop.
  const named = new Set(
    String(headers['connection'] ?? '')
      .toLowerCase()
      .split(',')
      .map((each) => each.trim()),
  );
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (value !== undefined && !HOP.has(lower) && !named.has(lower)) kept[lower] = value as string | string[];
  }
  return kept;
}

const away = (): Refusal =>
  new Refusal('unavailable', 'Exports cannot be answered at the moment. Repeat the request.', { retryAfter: 2 });

/**
 * Hands requests on to export over HTTP: method, target, end-to-end headers and body as they came, and the answer as it
 * comes. A connection is for one request: whatever happened to an earlier one, a kick-off is never sent twice, and each
 * may reach another instance. Redirects are not followed. 503 when export is away, slow, or ends in the middle of its
 * headers.
 */
export function forwardOverHttp(options: ForwardOptions): ForwardExport {
  const base = new URL(options.base);
  const prefix = base.pathname.replace(/\/+$/, '');
  const send = base.protocol === 'https:' ? tlsRequest : plainRequest;
  return ({ method, url, headers, body }) =>
    new Promise<ForwardedResponse>((resolve, reject) => {
      // The target is a path by itself: nothing in it can name another host.
      if (!url.startsWith('/')) return reject(new Refusal('invalid-request', 'The request target is not a path.'));
      const bytes = body === undefined ? undefined : Buffer.from(body);
      const outgoing = send({
        protocol: base.protocol,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        method,
        path: prefix + url,
        agent: false,
        headers: {
          ...endToEnd(headers),
          host: base.host,
          ...(bytes !== undefined && { 'content-length': bytes.byteLength }),
        },
      });
      const connecting = setTimeout(() => outgoing.destroy(new Error('no connection')), options.connectMs ?? 3000);
      const waiting = setTimeout(() => outgoing.destroy(new Error('no answer')), options.answerMs ?? 30_000);
      const settled = (): void => {
        clearTimeout(connecting);
        clearTimeout(waiting);
      };
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) clearTimeout(connecting);
        else socket.once(base.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
      });
      outgoing.once('error', () => {
        settled();
        reject(away());
      });
      outgoing.once('response', (incoming: IncomingMessage) => {
        settled();
        const { 'content-length': length } = incoming.headers;
        resolve({
          status: incoming.statusCode!,
          headers: { ...endToEnd(incoming.headers), ...(length !== undefined && { 'content-length': length }) },
          body: incoming,
        });
      });
      outgoing.end(bytes);
    });
}
