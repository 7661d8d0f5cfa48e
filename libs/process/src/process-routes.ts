import type { IncomingMessage, ServerResponse } from 'node:http';
import { within } from '@provider-access/kernel';
import { toRefusal, type ReadinessCheck } from '@provider-access/service/http';
import { type Logger, type Metrics, shared } from '@provider-access/service/observability';
import { refuseRequest } from './listener.ts';

/** Answers that belong to the process and to no service. Returns false for a path of others. */
export type ProcessRoutes = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The result of one check, without protected data. */
interface Finding {
  readonly service: string;
  readonly check: string;
  readonly detail?: string;
}

/** Longest time of a check, because a prober gives up after a second. */
const CHECK_WITHIN_MS = 900;

/**
 * Ready if nothing fails. A notice names something that requests may miss at every process alike, so no traffic moves
 * to another process because of it.
 */
export interface Readiness {
  readonly failing: readonly Finding[];
  readonly notices: readonly Finding[];
}

/** What a check says. One that fails or takes too long counts as not ready. */
export const outcomeOf = (check: ReadinessCheck): Promise<{ readonly ready: boolean; readonly detail?: string }> =>
  within(
    CHECK_WITHIN_MS,
    () => check.check(),
    (): Awaited<ReturnType<ReadinessCheck['check']>> => ({ ready: false, detail: 'the check takes too long' }),
  ).catch(() => ({ ready: false, detail: 'the check failed' }));

/** Runs the checks of all services at the same time. */
export async function readinessOf(checks: Readonly<Record<string, readonly ReadinessCheck[]>>): Promise<Readiness> {
  const all = Object.entries(checks).flatMap(([service, each]) => each.map((check) => ({ service, check })));
  const results = await Promise.all(
    all.map(async ({ service, check }): Promise<{ readonly ready: boolean; readonly finding: Finding }> => {
      const { ready, detail } = await outcomeOf(check);
      return { ready, finding: { service, check: check.name, ...(detail !== undefined && { detail }) } };
    }),
  );
  return {
    failing: results.filter(({ ready }) => !ready).map(({ finding }) => finding),
    notices: results
      .filter(({ ready, finding }) => ready && finding.detail !== undefined)
      .map(({ finding }) => finding),
  };
}

export interface ProcessRoutesOptions {
  readonly ready: () => Promise<Readiness>;
  /** Why the process should be restarted; undefined while it makes progress. */
  readonly stuck: () => string | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Further routes of this process: `/path` answers GET and HEAD, `POST /path` answers POST. */
  readonly routes?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>>;
}

/** Answers once, with headers that forbid caching. */
export function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
const json = (response: ServerResponse, status: number, body: unknown): void =>
  answer(response, status, 'application/json', JSON.stringify(body));

/**
 * Callers of /metrics share an answer for so long, ms, because a scrape costs milliseconds of CPU time and needs no
 * token.
 */
const METRICS_SHARED_MS = 1000;

/** /health, /metrics and other routes of the process. */
export function processRoutes(options: ProcessRoutesOptions): ProcessRoutes {
  const measured = shared(() => options.metrics.text(), METRICS_SHARED_MS);
  const own: NonNullable<ProcessRoutesOptions['routes']> = {
    '/health/live': async (_request, response) => {
      const stuck = options.stuck();
      json(response, stuck === undefined ? 200 : 503, {
        live: stuck === undefined,
        ...(stuck !== undefined && { detail: stuck }),
      });
    },
    '/health/ready': async (_request, response) => {
      const { failing, notices } = await options.ready();
      json(response, failing.length === 0 ? 200 : 503, {
        ready: failing.length === 0,
        failing,
        ...(notices.length > 0 && { notices }),
      });
    },
    ...(options.metrics.enabled && {
      '/metrics': async (_request: IncomingMessage, response: ServerResponse) =>
        answer(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await measured()),
    }),
    ...options.routes,
  };
  return (request, response) => {
    const { method } = request;
    const path = (request.url ?? '/').split('?')[0]!;
    const key = method === 'GET' || method === 'HEAD' ? path : `${method} ${path}`;
    const route = Object.hasOwn(own, key) ? own[key] : undefined;
    if (route === undefined) return false;
    route(request, response).catch((error: unknown) => {
      const refusal = toRefusal(error, options.logger);
      if (response.headersSent) response.destroy();
      else refuseRequest(request, response, refusal);
    });
    return true;
  };
}
