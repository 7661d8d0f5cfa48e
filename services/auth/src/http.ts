import type { FastifyInstance } from 'fastify';
import { behindUntrustedProxy, NO_TRUSTED_PROXY } from '@provider-access/service/http';
import type { Logger } from '@provider-access/service/observability';

/** Bodies of auth, and a warning at the first request that an untrusted proxy brought. */
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
    // A body of another media type arrives as no body, so that the route can name what it accepts (RFC 6749: 400, not
    // 415).
    fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
      done(null, undefined);
    });
  };
