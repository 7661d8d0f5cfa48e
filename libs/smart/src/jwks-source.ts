import { isObject } from '@provider-access/kernel/fhir';
import { isIP } from 'node:net';
import { fetchPinned, type FetchedText } from './pinned-fetch.ts';
import type { Resolve } from './resolver.ts';
import type { Clock } from '@provider-access/kernel';
import { BoundedMap } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';

/** Keys as published, unchecked; or the reason why there are none, which may be shown to the client. */
export type JwksResult =
  { readonly ok: true; readonly keys: readonly unknown[] } | { readonly ok: false; readonly reason: string };
export interface JwksSource {
  /** `refresh`: the key was not found, so the set is fetched again unless that was done less than a minute ago. */
  get(url: string, options?: { readonly refresh?: boolean }): Promise<JwksResult>;
}

/**
 * ms: without Cache-Control a key set is kept this long, and a refetch for an unknown kid happens at most this often.
 */
const MIN_INTERVAL = 60_000;
/** ms: a longer max-age is cut to this, because a key that its owner withdrew must go. */
const MAX_AGE = 24 * 3600_000;
const MAX_KEYS = 100;
/** ms: how long a failure is remembered, so that a caller cannot make this server ask again and again. */
const FAILURE_KEPT = 30_000;
/** Fetches at once. */
const CONCURRENT = 32;

/**
 * A jwks_uri must be https, without user, password or fragment. With `allowInsecure` http on loopback is taken too
 * (tests, demo).
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

/** How long (ms) an answer may be kept, by Cache-Control and Age (RFC 9111 §5.2.2). */
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
  /** Lets http on loopback and private addresses in. For tests and demonstrations only. */
  readonly allowInsecure?: boolean;
  /** ms, for the whole fetch. */
  readonly timeoutMs?: number;
  readonly capacity?: number;
  readonly metrics?: Metrics;
  /** Fetches at once; others wait for their turn. */
  readonly concurrent?: number;
  /** ms that a fetch waits for its turn at most; `timeoutMs` by default. */
  readonly turnMs?: number;
  /** Name resolution; by default DNS, and the system's with `allowInsecure`. */
  readonly resolve?: Resolve;
}

/**
 * Clients' published key sets, kept exactly as long as their owner's Cache-Control allows (SMART: never longer). While
 * the owner's server is away, a set that is still fresh is used and nothing else.
 */
export class JwksCache implements JwksSource {
  private readonly clock: Clock;
  private readonly allowInsecure: boolean;
  private readonly timeoutMs: number;
  private readonly resolve: Resolve | undefined;
  private readonly metrics: Metrics | undefined;
  private readonly entries: BoundedMap<string, Entry>;
  private readonly failures: BoundedMap<string, { readonly result: JwksResult; readonly until: number }>;
  private readonly running = new Map<string, Promise<JwksResult>>();
  private readonly turns: Turns;
  private readonly turnMs: number;

  constructor(options: JwksCacheOptions) {
    this.clock = options.clock;
    this.allowInsecure = options.allowInsecure ?? false;
    this.timeoutMs = options.timeoutMs ?? 5000;
    const capacity = options.capacity ?? 2000;
    this.entries = new BoundedMap(capacity);
    this.failures = new BoundedMap(capacity);
    this.turnMs = options.turnMs ?? this.timeoutMs;
    this.resolve = options.resolve;
    this.turns = new Turns(options.concurrent ?? CONCURRENT);
    this.metrics = options.metrics;
  }

  async get(url: string, options: { readonly refresh?: boolean } = {}): Promise<JwksResult> {
    const now = this.clock.now();
    const entry = this.entries.get(url);
    const failure = this.failures.get(url);
    if (failure !== undefined && now < failure.until && !(entry !== undefined && now < entry.goodUntil))
      return failure.result;
    if (entry !== undefined) {
      const fresh = now < entry.goodUntil;
      if (fresh && !(options.refresh === true && now - entry.lastAttempt >= MIN_INTERVAL)) return this.kept(entry);
      // The set may not be kept, but it was fetched a moment ago for this very request, so its answer stands.
      if (!fresh && options.refresh === true && now - entry.lastAttempt < MIN_INTERVAL) return this.kept(entry);
      entry.lastAttempt = now;
    }
    this.metrics?.count('pa_cache_requests_total', { cache: 'jwks', result: 'miss' });
    // Requests that come together share one fetch.
    let running = this.running.get(url);
    if (running === undefined) {
      running = this.load(url, now).finally(() => this.running.delete(url));
      this.running.set(url, running);
    }
    const result = await running;
    // A forced refetch that fails does not remove a set that is still fresh.
    return !result.ok && entry !== undefined && this.clock.now() < entry.goodUntil
      ? { ok: true, keys: entry.keys }
      : result;
  }

  private kept({ keys }: Entry): JwksResult {
    this.metrics?.count('pa_cache_requests_total', { cache: 'jwks', result: 'hit' });
    return { ok: true, keys };
  }

  private async load(url: string, now: number): Promise<JwksResult> {
    const fault = jwksUriFault(url, this.allowInsecure);
    if (fault !== undefined) return { ok: false, reason: `it ${fault}` };
    if (!(await this.turns.take(this.turnMs)))
      return { ok: false, reason: 'other key sets are fetched at this moment' };
    const fetched = await fetchPinned(url, {
      allowPrivate: this.allowInsecure,
      timeoutMs: this.timeoutMs,
      ...(this.resolve !== undefined && { resolve: this.resolve }),
    }).finally(() => this.turns.end());
    const result = fetched.ok ? readKeySet(fetched) : fetched;
    this.failures.delete(url);
    if (!result.ok) {
      this.failures.set(url, { result, until: now + FAILURE_KEPT });
    } else if (fetched.ok) {
      this.entries.set(url, {
        keys: result.keys,
        goodUntil: now + freshness(fetched.cacheControl, fetched.age),
        lastAttempt: now,
      });
    }
    return result;
  }
}

/** So many at once; the others wait in their order. */
class Turns {
  private free: number;
  private readonly waiting = new Set<(mine: boolean) => void>();
  constructor(free: number) {
    this.free = free;
  }
  /** False when no turn came within `withinMs`. */
  take(withinMs: number): Promise<boolean> {
    if (this.free > 0) {
      this.free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const end = (mine: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(end);
        resolve(mine);
      };
      const timer = setTimeout(() => end(false), withinMs);
      this.waiting.add(end);
    });
  }
  end(): void {
    const [next] = this.waiting;
    if (next === undefined) this.free++;
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
