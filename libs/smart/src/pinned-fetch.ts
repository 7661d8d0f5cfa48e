import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { dnsResolve, type Resolve, type ResolvedAddress, systemResolve } from './resolver.ts';

/** Bytes. */
const MAX_BODY = 100 * 1024;

/** Outside of it, IPv6 has no public addresses. */
const GLOBAL_6 = ipaddr.IPv6.parseCIDR('2000::/3');

const resolveByDns = dnsResolve();

/** Whether servers may have the address (IANA special-purpose registries). A client's URL must not lead to others. */
export function isPublicAddress({ address }: ResolvedAddress): boolean {
  const parsed = ipaddr.parse(address);
  return parsed.range() === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_6));
}

export interface FetchedText {
  readonly ok: true;
  readonly body: string;
  readonly cacheControl: string | undefined;
  readonly age: string | undefined;
}
export type FetchResult = FetchedText | { readonly ok: false; readonly reason: string };
export interface PinnedFetchOptions {
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
  readonly resolve?: Resolve | undefined;
}

/**
 * GETs a small JSON text from a URL that a client chose. The host is resolved once, and all its addresses must be
 * public. The connection goes to a checked address, so that a second resolution cannot return another one. No
 * redirects, at most 100 KB, one time limit for the whole fetch. The client may see the reason of a failure.
 */
export async function fetchPinned(text: string, options: PinnedFetchOptions): Promise<FetchResult> {
  const headers = { accept: 'application/json', 'user-agent': 'provider-access' };
  const result = await requestPinned(text, { method: 'GET', headers }, options);
  if (!result.ok) return result;
  const { status, body, headers: answered } = result;
  if (status >= 300 && status < 400) return { ok: false, reason: 'it redirects' };
  if (status !== 200) return { ok: false, reason: `it answers with status ${status}` };
  return { ok: true, body, cacheControl: answered['cache-control'], age: answered.age };
}

export interface PinnedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}
type Answered =
  | { readonly ok: true; readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }
  | { readonly ok: false; readonly reason: string };

/** As `fetchPinned`, with any method and status. A redirect is an answer like others, and is not followed. */
export async function requestPinned(
  text: string,
  asked: PinnedRequest,
  options: PinnedFetchOptions,
): Promise<Answered> {
  const url = new URL(text);
  const signal = AbortSignal.timeout(options.timeoutMs);
  try {
    const addresses = await withSignal(
      (options.resolve ?? (options.allowPrivate ? systemResolve : resolveByDns))(url.hostname.replace(/^\[|\]$/g, '')),
      signal,
    );
    const address = addresses[0];
    if (address === undefined) return { ok: false, reason: 'its host has no address' };
    if (!options.allowPrivate && !addresses.every(isPublicAddress))
      return { ok: false, reason: 'its host is not on a public address' };
    return await send(url, address, asked, signal);
  } catch {
    return { ok: false, reason: signal.aborted ? 'it did not answer in time' : 'it cannot be reached' };
  }
}

function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('timeout')), { once: true });
    promise.then(resolve, reject);
  });
}

function send(
  url: URL,
  { address, family }: ResolvedAddress,
  { method, headers, body }: PinnedRequest,
  signal: AbortSignal,
): Promise<Answered> {
  const pinned: LookupFunction = (_hostname, { all }, callback) =>
    all === true ? callback(null, [{ address, family }]) : callback(null, address, family);
  const options: RequestOptions = { method, headers, lookup: pinned, signal, agent: false };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
      read(response).then((result) => {
        if (!result.ok) request.destroy();
        resolve(result);
      }, reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<Answered> {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return { ok: false, reason: 'the answer is larger than 100 KB' };
    chunks.push(chunk);
  }
  return { ok: true, status, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') };
}
