import { type Refusal, REFUSALS } from '@provider-access/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FHIR_TYPE, JSON_TYPE, utf8 } from './media-types.ts';

/** An OperationOutcome under /fhir, OAuth JSON under /auth, and plain problem JSON elsewhere. */
export type ErrorFormat = 'fhir' | 'oauth' | 'plain';
export const formatOf = (path: string): ErrorFormat =>
  path.startsWith('/fhir') ? 'fhir' : path.startsWith('/auth') ? 'oauth' : 'plain';

/** Status, headers and body of a refusal, as the prefix of the path asks for. */
export function renderRefusal(
  refusal: Refusal,
  format: ErrorFormat,
): { status: number; headers: Record<string, string>; body: string } {
  const entry = REFUSALS[refusal.kind];
  const headers: Record<string, string> = {
    'content-type': utf8(format === 'fhir' ? FHIR_TYPE : JSON_TYPE),
    'cache-control': 'no-store',
    // RFC 8288: the page of this server that explains every code.
    link: '</docs/refusals.html>; rel="help"',
    ...refusal.headers,
  };
  if (refusal.retryAfter !== undefined) headers['retry-after'] = String(refusal.retryAfter);
  if (
    (refusal.kind === 'invalid-token' || refusal.kind === 'insufficient-scope') &&
    headers['www-authenticate'] === undefined
  )
    headers['www-authenticate'] = `Bearer error="${entry.oauth}"`;
  const body =
    format === 'fhir'
      ? {
          resourceType: 'OperationOutcome',
          issue: [
            {
              severity: 'error',
              code: entry.issue,
              diagnostics: refusal.message,
              ...(refusal.expression !== undefined && { expression: [refusal.expression] }),
            },
          ],
        }
      : format === 'oauth'
        ? { error: entry.oauth, error_description: refusal.message }
        : { error: refusal.kind, message: refusal.message };
  return { status: entry.status, headers, body: JSON.stringify(body) };
}

/** Answers with a refusal in the format of the path. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
  const { status, headers, body } = renderRefusal(refusal, formatOf(request.url));
  void reply.code(status).headers(headers).send(body);
}
