import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { formatOf, Refusal, renderRefusal } from '@provider-access/http';
import { serviceOf, type ServiceName } from './route-table.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
/** Answers that belong to the process and to no service. Returns false when the path is not its own. */
export type ProcessRoutes = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Longest time a request may take to arrive: an NDJSON stream of a whole payer is long. */
const REQUEST_TIMEOUT_MS = 60 * 60 * 1000;

export interface Listening {
  readonly server: Server;
  /** `http://host:port` as bound. */
  readonly address: string;
  /** Until it is called, every request is answered 503. */
  serve(handler: Handler): void;
}

const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Refusal): void => {
  const { status, headers, body } = renderRefusal(refusal, formatOf(request.url ?? '/'));
  response.writeHead(status, headers).end(body);
};

/** Binds first, since the public URL may depend on the port; serves when the services are there. */
export async function bind(options: { readonly HOST: string; readonly PORT: number }): Promise<Listening> {
  let handler: Handler = (request, response) => refuse(request, response, new Refusal('unavailable', 'The platform is starting.', { retryAfter: 1 }));
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 65_000 }, (request, response) => handler(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.PORT, options.HOST, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    server,
    address: `http://${isIPv6(address) ? `[${address}]` : address}:${port}`,
    serve: (next) => (handler = next),
  };
}

/** Hands each request to the service of its prefix. */
export function dispatch(apps: Readonly<Record<ServiceName, NestFastifyApplication>>, own: ProcessRoutes): Handler {
  const routing = Object.fromEntries(Object.entries(apps).map(([name, app]) => [name, app.getHttpAdapter().getInstance().routing])) as Record<ServiceName, Handler>;
  return (request, response) => {
    const service = serviceOf(request.url ?? '/');
    if (service !== undefined) return routing[service](request, response);
    if (!own(request, response)) refuse(request, response, new Refusal('not-found', 'There is nothing here.'));
  };
}
