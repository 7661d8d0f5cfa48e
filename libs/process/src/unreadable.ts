import { maxHeaderSize, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import { type ErrorFormat, formatOf, renderRefusal } from '@provider-access/service/http';
import { SAFE_HEADERS } from './safe-headers.ts';

/** An error of Node's HTTP parser. */
interface ParserError extends Error {
  readonly code?: string;
  /** The bytes among which the parser stopped. */
  readonly rawPacket?: Buffer;
}
/** Calls `run` after a while, unless the function that it returns is called before. */
type Later = (run: () => void) => () => void;

const HEAD = `The head of a request may have at most ${maxHeaderSize / 1024} KiB.`;
const BY_POST = 'Send a long search by POST to [type]/_search, with the parameters in the body.';
/** By the code of the error. https://nodejs.org/api/http.html#event-clienterror */
const KINDS: Readonly<Record<string, readonly [RefusalKind, string]>> = {
  HPE_HEADER_OVERFLOW: ['head-too-large', HEAD],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['too-large', 'The extensions of a chunk are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['too-slow', 'The request did not arrive in time.'],
};
/** Bytes of the packet in which the path is looked for. */
const LOOKED_AT = 256;

function answerTo({ code = '', rawPacket }: ParserError): string {
  const [kind, text] = KINDS[code] ?? ['invalid-request', 'The request is not valid HTTP.'];
  const path = /^[A-Z]+ (\S+)/.exec(rawPacket?.toString('latin1', 0, LOOKED_AT) ?? '')?.[1];
  if (kind !== 'head-too-large') return rawAnswer(new Refusal(kind, text), formatOf(path ?? '/'));
  // A long head arrives in several packets, and the last one does not name the path. Only searches have long URLs.
  const format = formatOf(path ?? '/fhir');
  return rawAnswer(new Refusal(kind, format === 'fhir' ? `${text} ${BY_POST}` : text), format);
}

/** An answer for a connection for which Node has no response. The connection ends with it. */
export function rawAnswer(refusal: Refusal, format: ErrorFormat): string {
  const { status, headers, body } = renderRefusal(refusal, format);
  const lines = Object.entries({
    ...SAFE_HEADERS,
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/**
 * A listener for `clientError`: answers what Node's parser refuses, before there is a request, as every refusal is
 * answered. Node's own answer has no body.
 * @param answering the responses that are not complete, by connection
 */
export function refuseUnreadable(
  answering: ReadonlyMap<Duplex, ReadonlySet<ServerResponse>>,
  later: Later,
): (error: ParserError, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    // The parser repeats its error for all that arrives after it.
    if (refused.has(socket)) return;
    refused.add(socket);
    const isBegun = [...(answering.get(socket) ?? [])].some(({ headersSent }) => headersSent);
    if (!socket.writable || error.code === 'ECONNRESET' || isBegun) {
      socket.destroy();
      return;
    }
    socket.end(answerTo(error));
    // The rest of the request is still on its way. The system resets a connection that is closed with unread bytes, and
    // then the client would lose the answer.
    const cancel = later(() => socket.destroy());
    socket.once('end', () => socket.destroy()).once('close', cancel);
  };
}
