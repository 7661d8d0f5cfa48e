import { isObject } from '@provider-access/fhir';
import { isIP } from 'node:net';
import { fetchPinned, type FetchedText } from './pinned-fetch.ts';
import type { Resolve } from './resolver.ts';
import { BoundedMap, type Clock } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';

/** Published keys, not checked yet; or the reason why there are none, which may be shown to the client. */
export type JwksResult =
  { readonly ok: true; readonly keys: readonly unknown[] } | { readonly ok: false; readonly reason: string };
export interface JwksSource {
  /** `refresh`: the set had no such key, so fetch it again unless the last fetch was less than a minute ago. */
  get(url: string, options?: { readonly refresh?: boolean }): Promise<JwksResult>;
  /** The keys that the last fetch gave, however old, without a fetch. */
  kept?(url: string): readonly unknown[] | undefined;
}

/** ms. The lifetime of a key set without Cache-Control, and the least time between two fetches for an unknown kid. */
const MIN_INTERVAL = 60_000;
/** ms. The longest lifetime of a key set, because a key that its owner withdrew must become invalid. */
const MAX_AGE = 24 * 3600_000;
const MAX_KEYS = 100;
/** ms. How long a failure is cached, so that a caller cannot cause a fetch with each request. */
const FAILURE_KEPT = 30_000;
/** Most concurrent fetches. */
const CONCURRENT = 32;

/**
 * A jwks_uri must be https, without user, password or fragment. `allowInsecure` also permits http on loopback (tests,
 * demo).
 */
export function jwksUriFault(text: string, allowInsecure: boolean): string | undefined {
  if (text.length > 2048 || !URL.canParse(text)) return 'must be an absolute https URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.hash !== '') return 'must have no user, password or fragment';
  if (url.protocol === 'https:') return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';
  return allowInsecure && url.protocol === 'http:' && loopback ? undefined : 'must be an https URL';
}

/** How long an answer is fresh, ms, by Cache-Control and Age (RFC 9111 §5.2.2). */
export function freshness(cacheControl: string | undefined, age: string | undefined): number {
  if (cacheControl === undefined) return MIN_INTERVAL;
  const directives = cacheControl
    .toLowerCase()
    .split(',')
    .map((d) => d.trim());
  if (directives.some((d) => d === 'no-store' || d === 'no-cache' || d.startsWith('no-cache='))) return 0;
  const maxAge = directives.map((d) => /^max-age="?(\d{1,10})"?$/.exec(d)?.[1]).find((v) => v !== undefined);
  if (maxAge === undefined) return MIN_INTERVAL;
  const spent = /^\d{1,10}$/.test(age ?? '') ? Number(age) : 0;
  return Math.min(Math.max(0, Number(maxAge) - spent) * 1000, MAX_AGE);
}

interface Entry {
  keys: readonly unknown[];
  goodUntil: number;
  lastAttempt: number;
}

export interface JwksCacheOptions {
  readonly clock: Clock;
  /** Permits http on loopback, and private addresses. For tests and demonstrations only. */
  readonly allowInsecure?: boolean;
  /** ms, for the whole fetch. */
  readonly timeoutMs?: number;
  readonly capacity?: number;
  readonly metrics?: Metrics;
  /** Most concurrent fetches; others wait. */
  readonly concurrent?: number;
  /** How long a fetch may wait before it starts, ms. Default `timeoutMs`. */
  readonly turnMs?: number;
  /** Name resolution. Default DNS, or the operating system's with `allowInsecure`. */
  readonly resolve?: Resolve;
}

/**
 * A cache of clients' published key sets. A set is used exactly as long as its Cache-Control permits, as SMART
 * requires, also while the client's server is unavailable.
 */
export class JwksCache implements JwksSource {
  readonly #options: JwksCacheOptions & { readonly allowInsecure: boolean; readonly timeoutMs: number };
  readonly #entries: BoundedMap<string, Entry>;
  readonly #failures: BoundedMap<string, { readonly result: JwksResult; readonly until: number }>;
  readonly #running = new Map<string, Promise<JwksResult>>();
  readonly #turns: Turns;

  constructor(options: JwksCacheOptions) {
    this.#options = { allowInsecure: false, timeoutMs: 5000, ...options };
    const { capacity = 2000, concurrent = CONCURRENT } = options;
    this.#entries = new BoundedMap(capacity);
    this.#failures = new BoundedMap(capacity);
    this.#turns = new Turns(concurrent);
  }

  async get(url: string, options: { readonly refresh?: boolean } = {}): Promise<JwksResult> {
    const now = this.#options.clock.now();
    const entry = this.#entries.get(url);
    const failure = this.#failures.get(url);
    if (failure !== undefined && now < failure.until && !(entry !== undefined && now < entry.goodUntil))
      return failure.result;
    if (entry !== undefined) {
      const fresh = now < entry.goodUntil;
      if (fresh && !(options.refresh === true && now - entry.lastAttempt >= MIN_INTERVAL)) return this.#hit(entry);
      // Cache-Control may forbid to cache the set, but this request needs it and it was fetched less than a minute ago.
      if (!fresh && options.refresh === true && now - entry.lastAttempt < MIN_INTERVAL) return this.#hit(entry);
      entry.lastAttempt = now;
    }
    this.#options.metrics?.count('pa_cache_requests_total', { cache: 'jwks', result: 'miss' });
    // Concurrent requests share one fetch.
    let running = this.#running.get(url);
    if (running === undefined) {
      running = this.#load(url, now).finally(() => this.#running.delete(url));
      this.#running.set(url, running);
    }
    const result = await running;
    // A failed fetch does not remove a set that is still fresh.
    return !result.ok && entry !== undefined && this.#options.clock.now() < entry.goodUntil
      ? { ok: true, keys: entry.keys }
      : result;
  }

  kept(url: string): readonly unknown[] | undefined {
    return this.#entries.get(url)?.keys;
  }

  #hit({ keys }: Entry): JwksResult {
    this.#options.metrics?.count('pa_cache_requests_total', { cache: 'jwks', result: 'hit' });
    return { ok: true, keys };
  }

  async #load(url: string, now: number): Promise<JwksResult> {
    const { allowInsecure, timeoutMs, turnMs = timeoutMs, resolve } = this.#options;
    const fault = jwksUriFault(url, allowInsecure);
    if (fault !== undefined) return { ok: false, reason: `it ${fault}` };
    if (!(await this.#turns.take(turnMs))) return { ok: false, reason: 'too many other key sets are being fetched' };
    const fetched = await fetchPinned(url, { allowPrivate: allowInsecure, timeoutMs, resolve }).finally(() =>
      this.#turns.end(),
    );
    const result = fetched.ok ? readKeySet(fetched) : fetched;
    this.#failures.delete(url);
    if (!result.ok) {
      this.#failures.set(url, { result, until: now + FAILURE_KEPT });
    } else if (fetched.ok) {
      this.#entries.set(url, {
        keys: result.keys,
        goodUntil: now + freshness(fetched.cacheControl, fetched.age),
        lastAttempt: now,
      });
    }
    return result;
  }
}

/** Limits concurrency; callers wait in order. */
class Turns {
  #free: number;
  readonly #waiting = new Set<(mine: boolean) => void>();
  constructor(free: number) {
    this.#free = free;
  }
  /** False if the caller waited for `withinMs` in vain. */
  take(withinMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const end = (mine: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve(mine);
      };
      const timer = setTimeout(() => end(false), withinMs);
      this.#waiting.add(end);
    });
  }
  end(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else next(true);
  }
}

function readKeySet(fetched: FetchedText): JwksResult {
  let body: unknown;
  try {
    body = JSON.parse(fetched.body);
  } catch {
    return { ok: false, reason: 'the answer is not JSON' };
  }
  const keys = isObject(body) ? body['keys'] : undefined;
  if (!Array.isArray(keys)) return { ok: false, reason: 'the answer is not a JWK Set' };
  return keys.length > MAX_KEYS
    ? { ok: false, reason: `the key set holds more than ${MAX_KEYS} keys` }
    : { ok: true, keys };
}
