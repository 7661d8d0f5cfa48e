import type { FastifyRequest } from 'fastify';

/**
 * Whether a proxy names the sender of this request while this process trusts no proxy (`TRUST_PROXY`). Then all callers
 * behind the proxy have one address, and limits by address count them together.
 */
export const behindUntrustedProxy = (request: Pick<FastifyRequest, 'headers' | 'ips'>): boolean =>
  request.ips === undefined &&
  (request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined);

/**
 * Whether the settings say that a proxy is in front which this process does not trust: processes speak plain HTTP, so
 * an https `PUBLIC_URL` means that something else ends TLS.
 */
export const lacksTrustedProxy = (config: {
  readonly PUBLIC_URL?: string | undefined;
  readonly TRUST_PROXY?: unknown;
}): boolean => config.TRUST_PROXY === undefined && config.PUBLIC_URL?.startsWith('https:') === true;

/** What an operator reads in the log. */
export const NO_TRUSTED_PROXY =
  'TRUST_PROXY is not set and a proxy is in front: limits by address count all callers behind it as one, so that ' +
  'one sender of junk can shut registration for everybody. Set TRUST_PROXY to the number of proxies, or to their ' +
  'addresses.';
/** What a caller reads who is refused for it. */
export const SHARED_ADDRESS =
  ' This server counts all callers behind its proxy together, because TRUST_PROXY is not set. Tell its operator.';
