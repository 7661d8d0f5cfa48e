import { FHIR_TYPE, JSON_TYPE } from '@provider-access/service/http';
import type { FastifyInstance } from 'fastify';

/** Accepts JSON only: removes Nest's parser of forms. A kick-off without parameters may have no body. */
export function bodyParsers(fastify: FastifyInstance): void {
  if (fastify.hasContentTypeParser('application/x-www-form-urlencoded'))
    fastify.removeContentTypeParser('application/x-www-form-urlencoded');
  for (const type of [FHIR_TYPE, JSON_TYPE]) {
    if (fastify.hasContentTypeParser(type)) fastify.removeContentTypeParser(type);
    fastify.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, body === '' ? undefined : JSON.parse(String(body)));
      } catch {
        done(Object.assign(new Error('not JSON'), { code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400 }));
      }
    });
  }
}
