import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo, type Socket } from 'node:net';
import { Refusal } from '@provider-access/kernel';
import { ConfigurationError } from '@provider-access/service/config';
import { formatOf, renderRefusal } from '@provider-access/service/http';
import { SafeResponse } from './safe-headers.ts';
import { rawAnswer, refuseUnreadable } from './unreadable.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Longest time for an NDJSON stream of events to arrive, because the stream of a whole payer takes long. */
const STREAM_TIMEOUT_MS = 60 * 60 * 1000;
/**
 * Longest time for any other body to arrive. Otherwise a sender with many connections and slow bodies would block all
 * others.
 */
const BODY_TIMEOUT_MS = 60_000;
/** Longest time for the head of a request to arrive, and the interval of the check. */
const HEAD_TIMEOUT_MS = 30_000;
const LOOK_THROUGH_MS = 5000;
/** How long the connection of a request that cannot be read stays open after its answer. */
const LINGER_MS = 1000;

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
  /** Until this is called, every request is answered 503. */
  serve(handler: Handler): void;
  /**
   * Accepts no more connections, lets running requests end, and cuts them after `withinMs`.
   * Resolves when the last connection has ended.
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
/** The path of long streams from payers. */
const isStream = ({ url = '', headers }: IncomingMessage): boolean =>
  /^\/events\/?(\?|$)/.test(url) && /^application\/(x-)?ndjson\s*(;|$)/i.test(headers['content-type'] ?? '');

/**
 * Ends the connection of a request whose body does not arrive in time. While a stream of events is being answered it
 * has no limit. The answer to a caller without a token is complete at once, and then the limit begins.
 */
function boundBody(request: IncomingMessage, response: ServerResponse, after: After): void {
  if (!hasBody(request)) return;
  let cancel: (() => void) | undefined;
  const late = (): void => {
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    if (!response.headersSent) {
      // This bypasses the handler, which waits for the body and learns from the end of the connection that none comes.
      const slow = new Refusal(
        'too-slow',
        `The body of a request must arrive within ${BODY_TIMEOUT_MS / 1000} seconds.`,
      );
      socket.write(rawAnswer(slow, formatOf(request.url ?? '/')));
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

/**
 * Emits `close` for the responses that wait behind another one of their connection (HTTP/1.1 pipelining) when the
 * connection closes. Node does so for the first one only, so what the others hold would be held for ever.
 */
function closeWaiting(responses: ReadonlySet<ServerResponse>): void {
  for (const response of [...responses]) {
    if (response.socket !== null) continue;
    response.destroy();
    response.emit('close');
  }
}

/** Why a process cannot listen, as a sentence that names the variable. Undefined for other errors. */
export function whyNot(error: NodeJS.ErrnoException, variable: string, host: string, port: number): string | undefined {
  switch (error.code) {
    case 'EADDRINUSE':
      return (
        `${variable}: port ${port} of ${host} is in use; set ${variable} to another port, or stop the process that ` +
        'listens there'
      );
    case 'EACCES':
      return `${variable}: this process may not listen on port ${port}; set ${variable} to a port above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST: ${host} is not an address of this machine`;
    default:
      return undefined;
  }
}

/**
 * Binds first, because the public URL may depend on the port. Serves when the services are there. `variable` sets the
 * port.
 * @throws ConfigurationError when the port or the address cannot be used
 */
export async function bind(
  options: { readonly HOST: string; readonly PORT: number; readonly variable?: 'PORT' | 'INTERNAL_PORT' },
  after: After = timer,
): Promise<Listening> {
  /** The responses that are not complete, by connection. So a connection has one listener for all its requests. */
  const answering = new Map<Socket, Set<ServerResponse>>();
  let closing = false;
  let handler: Handler = (request, response) =>
    refuseRequest(request, response, new Refusal('unavailable', 'The platform is starting.', { retryAfter: 1 }));
  const settings = {
    ServerResponse: SafeResponse,
    requestTimeout: STREAM_TIMEOUT_MS,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: LOOK_THROUGH_MS,
    keepAliveTimeout: 65_000,
  };
  const server = createServer(settings, (request, response) => {
    const beside = answering.get(request.socket);
    if (beside !== undefined) {
      beside.add(response);
      response.once('close', () => beside.delete(response));
    }
    if (closing) response.shouldKeepAlive = false;
    boundBody(request, response, after);
    handler(request, response);
  });
  server.on('connection', (socket) => {
    const responses = new Set<ServerResponse>();
    answering.set(socket, responses);
    socket.once('close', () => {
      answering.delete(socket);
      closeWaiting(responses);
    });
  });
  server.on(
    'clientError',
    refuseUnreadable(answering, (run) => after(LINGER_MS, run)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const why = whyNot(error, options.variable ?? 'PORT', options.HOST, options.PORT);
      reject(why === undefined ? error : new ConfigurationError(why, { cause: error }));
    });
    server.listen(options.PORT, options.HOST, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    server,
    address: `http://${isIPv6(address) ? `[${address}]` : address}:${port}`,
    serve: (next) => (handler = next),
    close(withinMs) {
      // `Connection: close` in the answer keeps clients from sending another request on a connection that ends soon.
      closing = true;
      for (const responses of answering.values()) for (const response of responses) response.shouldKeepAlive = false;
      return closeServer(server, withinMs);
    },
  };
}

/** Interval of the check that closes kept-alive connections once their answer is complete. */
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
