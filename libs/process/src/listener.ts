import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { Refusal } from '@provider-access/kernel';
import { formatOf, renderRefusal } from '@provider-access/service/http';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Longest time an NDJSON stream of events may take to arrive: that of a whole payer is long. */
const STREAM_TIMEOUT_MS = 60 * 60 * 1000;
/**
 * Longest time any other body may take. A sender who holds many connections with slow bodies would shut out all others.
 */
const BODY_TIMEOUT_MS = 60_000;
/** Longest time the head of a request may take, and how often connections are looked through for it. */
const HEAD_TIMEOUT_MS = 30_000;
const LOOK_THROUGH_MS = 5000;

/** Calls `run` after `ms`, unless the function that it returns is called before. */
type After = (ms: number, run: () => void) => () => void;
const timer: After = (ms, run) => {
  const timeout = setTimeout(run, ms).unref();
  return () => clearTimeout(timeout);
};

export interface Listening {
  readonly server: Server;
  /** `http://host:port` as bound. */
  readonly address: string;
  /** Until it is called, every request is answered 503. */
  serve(handler: Handler): void;
  /**
   * Takes no more connections, lets requests that are being answered end, and cuts them after `withinMs`.
   * Resolves when the last connection is gone.
   */
  close(withinMs: number): Promise<void>;
}

/** Answers with a refusal in the format of the path. */
export function refuseRequest(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { status, headers, body } = renderRefusal(refusal, formatOf(request.url ?? '/'));
  response.writeHead(status, headers).end(body);
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
/** What payers publish at length. */
const isStream = ({ url = '', headers }: IncomingMessage): boolean =>
  /^\/events\/?(\?|$)/.test(url) && /^application\/(x-)?ndjson\s*(;|$)/i.test(headers['content-type'] ?? '');

/**
 * Ends the connection of a request whose body does not arrive in time. A stream of events has no limit while it is
 * being answered: the answer to a caller without a token is over at once, and then the limit begins.
 */
function boundBody(request: IncomingMessage, response: ServerResponse, after: After): void {
  if (!hasBody(request)) return;
  let cancel: (() => void) | undefined;
  const late = (): void => {
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    if (!response.headersSent) {
      // Past the handler, which waits for the body and learns from the end of the connection that none comes.
      const { status, headers, body } = renderRefusal(
        new Refusal('too-slow', `The body of a request must arrive within ${BODY_TIMEOUT_MS / 1000} seconds.`),
        formatOf(request.url ?? '/'),
      );
      const lines = Object.entries({
        ...headers,
        'content-length': String(Buffer.byteLength(body)),
        connection: 'close',
      }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 ${status} Request Timeout\r\n${lines.join('')}\r\n${body}`);
    }
    socket.destroySoon();
  };
  const begin = (): void => {
    if (!request.complete) cancel ??= after(BODY_TIMEOUT_MS, late);
  };
  const end = (): void => cancel?.();
  request.once('end', end).once('close', end);
  if (isStream(request)) response.once('finish', begin);
  else begin();
}

/** Binds first, since the public URL may depend on the port; serves when the services are there. */
export async function bind(
  options: { readonly HOST: string; readonly PORT: number },
  after: After = timer,
): Promise<Listening> {
  const answering = new Set<ServerResponse>();
  let closing = false;
  let handler: Handler = (request, response) =>
    refuseRequest(request, response, new Refusal('unavailable', 'The platform is starting.', { retryAfter: 1 }));
  const timeouts = {
    requestTimeout: STREAM_TIMEOUT_MS,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: LOOK_THROUGH_MS,
    keepAliveTimeout: 65_000,
  };
  const server = createServer(timeouts, (request, response) => {
    answering.add(response);
    response.once('close', () => answering.delete(response));
    if (closing) response.shouldKeepAlive = false;
    boundBody(request, response, after);
    handler(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.PORT, options.HOST, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    server,
    address: `http://${isIPv6(address) ? `[${address}]` : address}:${port}`,
    serve: (next) => (handler = next),
    close(withinMs) {
      // Said with the answer (`Connection: close`), so that nobody sends another request on a connection that is about
      // to go.
      closing = true;
      for (const response of answering) response.shouldKeepAlive = false;
      return closeServer(server, withinMs);
    },
  };
}

/** A connection that was kept alive for more is closed once its answer is out: so often it is looked for. */
const LOOK_MS = 20;

function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    const idle = setInterval(() => server.closeIdleConnections(), LOOK_MS);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
  });
}
