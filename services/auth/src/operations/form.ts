import type { FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';

/** The media type of requests of OAuth. */
export const FORM = 'application/x-www-form-urlencoded';

/** Parameters of a form, each at most once (RFC 6749 §3.2). @throws Refusal 400 invalid_request */
export function readForm(
  request: Pick<FastifyRequest, 'headers' | 'body'>,
): Readonly<Record<string, string | undefined>> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== FORM) throw new Refusal('invalid-request', `Content-Type must be ${FORM}.`);
  const form: Record<string, string | undefined> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries((request.body ?? {}) as Record<string, unknown>)) {
    if (typeof value !== 'string')
      throw new Refusal(
        'invalid-request',
        /^[a-z_]{1,40}$/.test(name) ? `${name} is given more than once.` : 'A parameter is given more than once.',
      );
    form[name] = value;
  }
  return form;
}
