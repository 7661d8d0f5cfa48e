import {
  failedAs,
  newContext,
  parseTraceparent,
  SpanKind,
  type Logger,
  type Metrics,
  type Scope,
  type Tracing,
} from '../observability/index.ts';
import type { Service } from '@provider-access/events';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface ObserveRequestsOptions {
  readonly service: Service;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
  /** One line a request at level info; else at debug. */
  readonly log: boolean;
  /**
   * Whether the `traceparent` of a request is continued. Otherwise it becomes a link, and decides nothing about
   * sampling.
   */
  readonly trust: boolean;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const methodOf = ({ method }: FastifyRequest): string => (METHODS.has(method) ? method : '_OTHER');
/** The pattern, never the path: it holds ids. */
const routeOf = (request: FastifyRequest): string | undefined => request.routeOptions.url;

/** Of a request that is being answered. A WeakMap of requests costs more, and so does the garbage collection. */
const SCOPE = Symbol('scope');
declare module 'fastify' {
  interface FastifyRequest {
    [SCOPE]?: Scope | undefined;
  }
}

/** The status that nginx uses when the client did not wait for the whole answer. */
const CUT = 499;

/**
 * A span, a log line and a measurement for each request, once, when the answer is complete or the connection is gone.
 * It has hooks of its own, because those of instrumentations cost most of the throughput.
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
 */
export function observeRequests(fastify: FastifyInstance, options: ObserveRequestsOptions): void {
  const { service, metrics, tracing, logger, log, trust } = options;
  const labels = { service };
  fastify.decorateRequest(SCOPE);

  function begin(request: FastifyRequest): Scope {
    const received = parseTraceparent(request.headers['traceparent']);
    const trusted = received !== undefined && trust ? received : undefined;
    if (!tracing.on) return { context: trusted ?? newContext() };
    const method = methodOf(request);
    const route = routeOf(request);
    return tracing.begin(route === undefined ? method : `${method} ${route}`, {
      kind: SpanKind.SERVER,
      parent: trusted,
      ...(received !== undefined && trusted === undefined && { links: [received] }),
      attributes: {
        'http.request.method': method,
        'url.scheme': request.protocol,
        ...(route !== undefined && { 'http.route': route }),
      },
    });
  }

  function end(request: FastifyRequest, reply: FastifyReply, cut: boolean): void {
    const scope = request[SCOPE];
    if (scope === undefined) return;
    request[SCOPE] = undefined;
    const { span, context } = scope;
    if (span !== undefined) {
      span.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) failedAs(span, String(reply.statusCode));
      else if (cut) span.setAttribute('error.type', 'connection_cut');
      span.end();
    }
    metrics.move('http_server_active_requests', labels, -1);
    // The route pattern, never the URL (it holds ids).
    const route = routeOf(request) ?? 'unmatched';
    metrics.request(service, request.method, route, cut ? CUT : reply.statusCode, reply.elapsedTime);
    const level = log ? 'info' : 'debug';
    if (logger.isLevelEnabled?.(level) === false) return;
    const bytes = Number(reply.getHeader('content-length'));
    const client = (request as { smart?: { client?: string } }).smart?.client;
    // This runs outside of the scope of the request, so the ids are passed explicitly.
    logger[level](
      {
        method: methodOf(request),
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ...(Number.isFinite(bytes) && { bytes }),
        ...(client !== undefined && { client }),
        ...(cut && { cut }),
        trace_id: context.traceId,
        span_id: context.spanId,
      },
      'request',
    );
  }

  fastify.addHook('onRequest', (request, reply, done) => {
    const scope = begin(request);
    request[SCOPE] = scope;
    metrics.move('http_server_active_requests', labels, 1);
    reply.raw.once('close', () => end(request, reply, !reply.raw.writableFinished));
    tracing.scopes.run(scope, done);
  });
  // A body arrives in events of the socket, which do not know the request. What follows is put back into its scope.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const scope = request[SCOPE];
    if (scope === undefined || request.method === 'GET' || request.method === 'HEAD') done();
    else tracing.scopes.run(scope, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    end(request, reply, false);
    done();
  });
}
