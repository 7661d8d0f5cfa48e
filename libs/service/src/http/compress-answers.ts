import compress from '@fastify/compress';
import type { FastifyInstance } from 'fastify';

/** Bytes. A smaller answer hardly shrinks, and every refusal under /fhir is smaller. */
const FROM_BYTES = 1024;
/** Bytes. A larger answer is compressed in the thread pool. */
const INLINE_BYTES = 16 * 1024;
const FHIR = /^application\/fhir\+json\b/;

/**
 * Compresses FHIR resources and Bundles with brotli or gzip, as `Accept-Encoding` prefers. Nothing else is compressed:
 * answers of /auth hold secrets beside text of the caller, so their length would help to guess a secret. Files of
 * exports are compressed when they are written.
 */
export async function compressAnswers(fastify: FastifyInstance): Promise<void> {
  await fastify.register(compress, {
    globalDecompression: false,
    customTypes: FHIR,
    encodings: ['br', 'gzip', 'identity'],
    threshold: FROM_BYTES,
    syncThreshold: INLINE_BYTES,
  });
  // The hook of the plugin runs after this one.
  fastify.addHook('onSend', (request, reply, payload, done) => {
    // A range counts uncompressed bytes, so a client that continues an answer by a range must have begun with those.
    // The plugin compresses no answer to a request with this header.
    if (reply.hasHeader('accept-ranges')) request.headers['x-no-compression'] = '';
    // An answer that is not compressed varies too, because another request for it may get a compressed one.
    if (FHIR.test(String(reply.getHeader('content-type') ?? '')) && !reply.hasHeader('vary'))
      void reply.header('vary', 'accept-encoding');
    done(null, payload);
  });
}
