import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FHIR_TYPE, JSON_TYPE } from '@provider-access/service/http';
import { MAX_EVENT_BYTES } from '../../reading/incoming.ts';

const STREAMED = [
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'application/x-ndjson',
  'application/ndjson',
];

/** Bytes. A Consent may be as large as its event. */
const LIMITS: Readonly<Record<string, number>> = { '/fhir/Consent': MAX_EVENT_BYTES };

/**
 * Leaves the body of POST /events unread, so that the handler streams it after the guard has checked the token. Other
 * routes get parsed JSON, which may be empty, because a replay needs none, or a form with the parameters of a search.
 */
export function registerBodyParsers(fastify: FastifyInstance): void {
  for (const type of STREAMED)
    if (!fastify.hasContentTypeParser(type))
      fastify.addContentTypeParser(type, (_request, _payload, done) => done(null, undefined));
  const form = 'application/x-www-form-urlencoded';
  if (fastify.hasContentTypeParser(form)) fastify.removeContentTypeParser(form);
  fastify.addContentTypeParser(form, { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  for (const type of [JSON_TYPE, FHIR_TYPE]) {
    if (fastify.hasContentTypeParser(type)) fastify.removeContentTypeParser(type);
    fastify.addContentTypeParser(type, parseJson);
  }
}

/** Buffers and parses a body of JSON, except the body of POST /events. An empty body is undefined. */
function parseJson(
  request: FastifyRequest,
  payload: IncomingMessage,
  done: (error: Error | null, body?: unknown) => void,
): void {
  if (request.routeOptions.url === '/events') return done(null, undefined);
  const limit = LIMITS[request.routeOptions.url ?? ''] ?? request.routeOptions.bodyLimit ?? 1024 * 1024;
  const chunks: Buffer[] = [];
  let length = 0;
  payload.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
  });
  payload.on('error', (error) => done(error));
  payload.on('end', () => {
    if (length > limit)
      return done(Object.assign(new Error('too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }));
    if (length === 0) return done(null, undefined);
    try {
      done(null, JSON.parse(Buffer.concat(chunks, length).toString('utf8')));
    } catch {
      done(Object.assign(new Error('not JSON'), { code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400 }));
    }
  });
}
