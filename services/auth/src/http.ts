import type { FastifyInstance } from 'fastify';
import { behindUntrustedProxy, NO_TRUSTED_PROXY } from '@provider-access/service/http';
import type { Logger } from '@provider-access/service/observability';

/** Parses bodies, and warns once if a proxy that TRUST_PROXY does not name forwards requests. */
export const httpOf =
  (logger: Logger) =>
  (fastify: FastifyInstance): void => {
    let warned = false;
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (!warned && behindUntrustedProxy(request)) {
        warned = true;
        logger.warn({}, NO_TRUSTED_PROXY);
      }
      done();
    });
    // Drop a body of another media type, so that the route answers 400 and names the type (RFC 6749), and not 415.
    fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
      done(null, undefined);
    });
  };
