import type { FastifyInstance } from 'fastify';

/**
 * Bytes. A larger answer stays as it is, because the process does nothing else while it indents (about 15 ms for this
 * much).
 */
export const PRETTY_BYTES = 512 * 1024;
const ASKED = /[?&]_pretty=true(?:&|$)/;
const JSON_TYPE = /^application\/(?:fhir\+)?json\b/;
/** A text, or one character between texts and values, or a number or word. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * JSON with line breaks and indents. It moves white space only, because parsing would change decimals: FHIR tells 1.0
 * from 1.00.
 */
export function indented(json: string): string {
  let [text, indent, before] = ['', '\n', ''];
  for (const [token] of json.matchAll(TOKEN)) {
    const opens = before === '{' || before === '[';
    if (token === '}' || token === ']') {
      indent = indent.slice(0, -2);
      text += opens ? token : indent + token;
    } else {
      text += opens || before === ',' ? indent + token : before === ':' ? ` ${token}` : token;
      if (token === '{' || token === '[') indent += '  ';
    }
    before = token;
  }
  return text;
}

/**
 * Indents JSON for a request with `_pretty=true` in its URL (https://hl7.org/fhir/R4/http.html#parameters). Streams and
 * ranges stay as they are. Add it before the answers are compressed.
 */
export function prettyAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
    if (!isWhole || payload.length > PRETTY_BYTES || !ASKED.test(request.url)) return done(null, payload);
    const isJson = JSON_TYPE.test(String(reply.getHeader('content-type') ?? ''));
    if (!isJson || reply.hasHeader('accept-ranges')) return done(null, payload);
    const pretty = indented(payload.toString());
    if (reply.hasHeader('content-length')) void reply.header('content-length', String(Buffer.byteLength(pretty)));
    done(null, pretty);
  });
}
