import { Refusal } from '@provider-access/kernel';

/**
 * The JSON value of a body. This service takes bodies as bytes, because what a kick-off sends goes on unchanged.
 * @throws Refusal
 */
export function jsonOf(body: unknown): unknown {
  if (!Buffer.isBuffer(body)) return body;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal('invalid-request', 'The body is not valid JSON.');
  }
}
