import {
  failedAs,
  newContext,
  parseTraceparent,
  SpanKind,
  type Logger,
  type Scope,
  type Tracing,
} from '../observability/index.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface TraceRequestsOptions {
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
export const routeOf = (request: FastifyRequest): string | undefined => request.routeOptions.url;

interface Traced {
  readonly scope: Scope;
  ended: boolean;
}

/**
 * A span and a log line for each request, ended when the answer is complete or the connection is gone. It has hooks of
 * its own, because those of instrumentations cost most of the throughput.
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
 */
export function traceRequests(fastify: FastifyInstance, { tracing, logger, log, trust }: TraceRequestsOptions): void {
  const traced = new WeakMap<FastifyRequest, Traced>();

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
    const entry = traced.get(request);
    if (entry === undefined || entry.ended) return;
    entry.ended = true;
    const { span, context } = entry.scope;
    if (span !== undefined) {
      span.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) failedAs(span, String(reply.statusCode));
      else if (cut) span.setAttribute('error.type', 'connection_cut');
      span.end();
    }
    const bytes = Number(reply.getHeader('content-length'));
    const client = (request as { smart?: { client?: string } }).smart?.client;
    // This runs outside of the scope of the request, so the ids are passed explicitly.
    logger[log ? 'info' : 'debug'](
      {
        method: methodOf(request),
        route: routeOf(request) ?? 'unmatched',
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
    traced.set(request, { scope, ended: false });
    reply.raw.once('close', () => end(request, reply, !reply.raw.writableFinished));
    tracing.scopes.run(scope, done);
  });
  // A body arrives in events of the socket, which do not know the request. What follows is put back into its scope.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const entry = traced.get(request);
    if (entry === undefined || request.method === 'GET' || request.method === 'HEAD') done();
    else tracing.scopes.run(entry.scope, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    end(request, reply, false);
    done();
  });
}
