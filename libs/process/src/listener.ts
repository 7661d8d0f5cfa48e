import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import { formatOf, Refusal, renderRefusal } from '@provider-access/http';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Longest time a request may take to arrive: an NDJSON stream of a whole payer is long. */
const REQUEST_TIMEOUT_MS = 60 * 60 * 1000;

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

/** Binds first, since the public URL may depend on the port; serves when the services are there. */
export async function bind(options: { readonly HOST: string; readonly PORT: number }): Promise<Listening> {
  const answering = new Set<ServerResponse>();
  let closing = false;
  let handler: Handler = (request, response) => refuseRequest(request, response, new Refusal('unavailable', 'The platform is starting.', { retryAfter: 1 }));
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 65_000 }, (request, response) => {
    answering.add(response);
    response.once('close', () => answering.delete(response));
    if (closing) response.shouldKeepAlive = false;
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
      // Said with the answer (`Connection: close`), so that nobody sends another request on a connection that is about to go.
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
