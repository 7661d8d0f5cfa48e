import { requestPinned } from './pinned-fetch.ts';
import type { Resolve } from './resolver.ts';

export interface IssuerFetchOptions {
  /** The issuer that the operator has named. */
  readonly issuer: string;
  /** `true`: requests may be plain http, for trials on one machine. */
  readonly allowInsecure: boolean;
  /** ms for each request, whatever the provider does. */
  readonly timeoutMs: number;
  readonly resolve?: Resolve | undefined;
}
/** Says why an identity provider cannot be asked. The text has no URL. */
export class ProviderUnreachable extends Error {
  override readonly name = 'ProviderUnreachable';
}

/** The part of the Fetch API that asks an identity provider. */
interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Requests to an identity provider. The operator names its issuer, so that one host may be in the payer's own network.
 * Every other URL comes from a document of the provider. Its host must be on a public address, as that of a `jwks_uri`
 * must be, so that a document cannot lead into the network of the platform. No redirects, at most 100 KB. The function
 * throws ProviderUnreachable, also for a status of 500 and above.
 */
export function issuerFetch({ issuer, allowInsecure, timeoutMs, resolve }: IssuerFetchOptions) {
  const { origin } = new URL(issuer);
  return async (text: string, { method, headers, body }: Asked): Promise<Response> => {
    const url = new URL(text);
    if (url.protocol !== 'https:' && !(allowInsecure && url.protocol === 'http:'))
      throw new ProviderUnreachable('one of its URLs is not https');
    const sent = body instanceof URLSearchParams ? body.toString() : typeof body === 'string' ? body : undefined;
    const answer = await requestPinned(
      text,
      {
        method,
        headers: { ...headers, ...(sent !== undefined && { 'content-length': String(Buffer.byteLength(sent)) }) },
        body: sent,
      },
      { allowPrivate: url.origin === origin, timeoutMs, resolve },
    );
    if (!answer.ok) throw new ProviderUnreachable(answer.reason);
    if (answer.status >= 500) throw new ProviderUnreachable(`it answers with status ${answer.status}`);
    const type = answer.headers['content-type'];
    return new Response([204, 205, 304].includes(answer.status) ? null : answer.body, {
      status: answer.status,
      ...(type !== undefined && { headers: { 'content-type': type } }),
    });
  };
}
