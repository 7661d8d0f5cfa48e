import type { FastifyInstance } from 'fastify';
import { Refusal } from '@provider-access/kernel';

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i;
const UTF8 = new Set(['utf-8', 'utf8', 'us-ascii']);

/**
 * Answers 415 to a body in another encoding or character set. The parsers of all routes read bytes as UTF-8, so they
 * would take such a body for other text.
 */
export function refuseEncodedBodies(fastify: FastifyInstance): void {
  fastify.addHook('preParsing', ({ headers }, _reply, payload, done) => {
    const coding = headers['content-encoding']?.trim().toLowerCase() ?? '';
    const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
    if (coding !== '' && coding !== 'identity')
      done(new Refusal('unsupported-media-type', 'A body has no Content-Encoding here. Send it as it is.'));
    else if (!UTF8.has(charset))
      done(new Refusal('unsupported-media-type', 'A body is UTF-8 here. Send it so, without another charset.'));
    else done(null, payload);
  });
}
