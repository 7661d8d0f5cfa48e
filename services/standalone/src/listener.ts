import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { formatOf, Refusal, renderRefusal } from '@provider-access/http';
import { serviceOf, type ServiceName } from './route-table.ts';

/** Answers that belong to the process and to no service. Returns false when the path is not its own. */
export type ProcessRoutes = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Longest time a request may take to arrive: an NDJSON stream of a whole payer is long. */
const REQUEST_TIMEOUT_MS = 60 * 60 * 1000;

/** The one listener: hands each request to the service of its prefix. */
export function createListener(apps: Readonly<Record<ServiceName, NestFastifyApplication>>, own: ProcessRoutes): Server {
  const routing = Object.fromEntries(Object.entries(apps).map(([name, app]) => [name, app.getHttpAdapter().getInstance().routing])) as Record<ServiceName, (req: IncomingMessage, res: ServerResponse) => void>;
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 65_000 }, (request, response) => {
    const target = request.url ?? '/';
    const service = serviceOf(target);
    if (service !== undefined) return routing[service](request, response);
    if (own(request, response)) return;
    const { status, headers, body } = renderRefusal(new Refusal('not-found', 'There is nothing here.'), formatOf(target));
    response.writeHead(status, headers).end(body);
  });
  return server;
}
