import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routeOf, type Service, SERVICES } from '@provider-access/events';

/**
 * The ingress of a deployment of separate processes. It matches the operations of export on a Group first, then path
 * prefixes (the longest wins), and sends each next request to another instance. It changes nothing that passes. A
 * connection that is cut on one side is cut on the other.
 */
export { SERVICES };
export type ServiceName = Service;

/** What the chart's Ingress has too (`ingress.exportPath`). */
const EXPORT_OPERATION =
  /^\/fhir\/Group\/(?:[^/]+\/(?:\$|%24)(?:export|davinci-data-export)|(?:\$|%24)provider-member-match)(?:[/?]|$)/;

/** The service that answers a path. */
export const serviceOf = (path: string): ServiceName | undefined =>
  EXPORT_OPERATION.test(path) ? 'export' : routeOf(path);

/** Headers of one hop only (RFC 9110 §7.6.1). */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection', 'te', 'upgrade']);
const endToEnd = (raw: readonly string[]): string[] => raw.filter((_, i) => !HOP.has(raw[i - (i % 2)]!.toLowerCase()));

export interface Gateway {
  readonly base: string;
  readonly port: number;
  /** Bases of the instances of each service. Requests use them in turn. */
  route(instances: Readonly<Record<ServiceName, readonly string[]>>): void;
  close(): Promise<void>;
}

/**
 * With `only`, every path goes to that service, like a Kubernetes Service in front of its instances. A `broken` path is
 * answered 500 and reaches no service.
 */
export async function openGateway({
  port = 0,
  only,
  broken,
}: {
  port?: number | undefined;
  only?: ServiceName;
  broken?: (request: IncomingMessage) => boolean;
} = {}): Promise<Gateway> {
  const agent = new Agent({ keepAlive: true, timeout: 20_000, maxFreeSockets: 64 });
  let instances: Partial<Record<ServiceName, readonly string[]>> = {};
  const turns = new Map<ServiceName, number>();

  const pass = (incoming: IncomingMessage, response: ServerResponse, targets: readonly string[]): void => {
    const [target, ...others] = targets;
    if (target === undefined) {
      response.writeHead(503, { 'retry-after': '1' }).end();
      return;
    }
    const out = request(`${target}${incoming.url}`, {
      method: incoming.method ?? 'GET',
      agent,
      setHost: false,
      headers: endToEnd(incoming.rawHeaders) as unknown as Record<string, string>,
    });
    out.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      answer.on('error', () => response.destroy());
      answer.on('close', () => {
        if (!answer.complete) response.destroy();
      });
      answer.pipe(response);
    });
    out.on('error', (error: NodeJS.ErrnoException) => {
      // No process listens, so the next one gets it. After any other fault the request may have been handled, and the
      // client decides whether to repeat it.
      if (error.code === 'ECONNREFUSED' && !response.headersSent) pass(incoming, response, others);
      else if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
    response.on('close', () => out.destroy());
    incoming.pipe(out);
  };

  /** Paths of each process that are never routed. Tests read them from all processes at once. */
  const ofEach = async (path: string, response: ServerResponse): Promise<void> => {
    const all = SERVICES.flatMap((service) => instances[service] ?? []);
    const answers = await Promise.all(
      all.map((base) =>
        fetch(`${base}${path}`).then(
          async (a) => ({ status: a.status, text: await a.text() }),
          () => ({ status: 503, text: 'cannot be reached' }),
        ),
      ),
    );
    response.writeHead(Math.max(200, ...answers.map((a) => a.status))).end(answers.map((a) => a.text).join('\n'));
  };

  const server: Server = createServer({ requestTimeout: 0, keepAliveTimeout: 65_000 }, (incoming, response) => {
    const path = (incoming.url ?? '/').split('?')[0]!;
    if (broken?.(incoming) === true) return void response.writeHead(500).end();
    if (only === undefined && (path.startsWith('/health/') || path === '/metrics')) return void ofEach(path, response);
    const service = only ?? serviceOf(path);
    if (service === undefined) return void response.writeHead(404).end();
    const turn = turns.get(service) ?? 0;
    turns.set(service, turn + 1);
    const found = instances[service] ?? [];
    return pass(
      incoming,
      response,
      found.map((_, i) => found[(turn + i) % found.length]!),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    base: `http://127.0.0.1:${bound}`,
    port: bound,
    route: (next) => (instances = next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}
