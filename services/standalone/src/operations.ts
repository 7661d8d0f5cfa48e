import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatOf, renderRefusal, toRefusal, type ReadinessCheck } from '@provider-access/http';
import { mergedText, type Logger, type Metrics } from '@provider-access/observability';
import type { StaticTokens } from '@provider-access/smart';
import type { ServiceName } from './route-table.ts';
import type { ProcessRoutes } from './listener.ts';

export interface ProcessOperations {
  readonly checks: Readonly<Record<ServiceName, readonly ReadinessCheck[]>>;
  readonly metrics: readonly Metrics[];
  readonly tokens: StaticTokens;
  readonly logger: Logger;
  /** `GET /ops/views/<service>` of each service that has views, asked in the process with the caller's token. */
  readonly views: (authorization: string) => Promise<Record<string, unknown>>;
}

const send = (response: ServerResponse, status: number, type: string, body: string): void => {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
};

/** What belongs to the process: /health, /metrics, and the merged /ops/views. */
export function processRoutes(operations: ProcessOperations): ProcessRoutes {
  const ready = async (response: ServerResponse): Promise<void> => {
    const failing: { service: string; check: string; detail?: string }[] = [];
    for (const [service, checks] of Object.entries(operations.checks)) {
      for (const check of checks) {
        const result = await check.check().catch(() => ({ ready: false, detail: 'the check failed' }));
        if (!result.ready) failing.push({ service, check: check.name, ...(result.detail !== undefined && { detail: result.detail }) });
      }
    }
    send(response, failing.length === 0 ? 200 : 503, 'application/json', JSON.stringify({ ready: failing.length === 0, failing }));
  };
  const views = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    operations.tokens.require(request, ['administrator']);
    send(response, 200, 'application/json', JSON.stringify(await operations.views(request.headers.authorization ?? '')));
  };
  const guarded = (request: IncomingMessage, response: ServerResponse, work: Promise<void>): void => {
    work.catch((error: unknown) => {
      const { status, headers, body } = renderRefusal(toRefusal(error, operations.logger), formatOf(request.url ?? '/'));
      if (response.headersSent) response.destroy();
      else response.writeHead(status, headers).end(body);
    });
  };
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    switch ((request.url ?? '/').split('?')[0]) {
      case '/':
        send(response, 200, 'text/plain; charset=utf-8', 'Provider Access API. FHIR base: /fhir (start at /fhir/metadata and /fhir/.well-known/smart-configuration).\n');
        return true;
      case '/health/live':
        send(response, 200, 'application/json', '{"live":true}');
        return true;
      case '/health/ready':
        guarded(request, response, ready(response));
        return true;
      case '/metrics':
        guarded(request, response, mergedText(operations.metrics).then((text) => send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', text)));
        return true;
      case '/ops/views':
        guarded(request, response, views(request, response));
        return true;
      default:
        return false;
    }
  };
}
