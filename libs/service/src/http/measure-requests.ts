import type { Service } from '@provider-access/events';
import type { Metrics } from '../observability/index.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { routeOf } from './trace-requests.ts';

/** The status that nginx uses when the client did not wait for the whole answer. */
const CUT = 499;

/**
 * Counts the requests that are being answered, and each request once, when the answer is complete or the connection is
 * gone.
 */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics, service: Service): void {
  if (!metrics.enabled) return;
  const labels = { service };
  const answering = new WeakSet<FastifyRequest>();
  function end(request: FastifyRequest, reply: FastifyReply, status: number): void {
    if (!answering.delete(request)) return;
    metrics.move('http_server_active_requests', labels, -1);
    // The route pattern, never the URL (it holds ids).
    metrics.request(service, request.method, routeOf(request) ?? 'unmatched', status, reply.elapsedTime);
  }
  fastify.addHook('onRequest', (request, reply, done) => {
    answering.add(request);
    metrics.move('http_server_active_requests', labels, 1);
    reply.raw.once('close', () => end(request, reply, reply.raw.writableFinished ? reply.statusCode : CUT));
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    end(request, reply, reply.statusCode);
    done();
  });
}
