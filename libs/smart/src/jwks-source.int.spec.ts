import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SettableClock } from '../test/fixtures.ts';
import { freshness, JwksCache, jwksUriFault, type JwksCacheOptions } from './jwks-source.ts';
import { isPublicAddress } from './pinned-fetch.ts';

let url: string;
let requests: IncomingMessage[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => {
  requests.push(request);
  answer(request, response);
});
const keySet =
  (kid: string, headers: Record<string, string> = {}): typeof answer =>
  (_request, response) =>
    void response.writeHead(200, headers).end(JSON.stringify({ keys: [{ kid }] }));
beforeAll(
  () =>
    new Promise<void>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        url = `http://localhost:${(server.address() as AddressInfo).port}/jwks.json`;
        resolve();
      }),
    ),
);
afterAll(
  () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
);
beforeEach(() => {
  requests = [];
  answer = keySet('a');
});
const loopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
function cache(over: Partial<JwksCacheOptions> = {}) {
  const clock = new SettableClock();
  return { clock, source: new JwksCache({ clock, allowInsecure: true, resolve: loopback, ...over }) };
}
const withKid = (kid: string) => ({ ok: true, keys: [{ kid }] });

describe('caching', () => {
  it('asks for JSON and keeps the set as long as max-age says, and no longer', async () => {
    const { clock, source } = cache();
    answer = keySet('a', { 'cache-control': 'public, max-age=30' });
    await source.get(url);
    clock.pass(29_999);
    expect(await source.get(url)).toEqual(withKid('a'));
    expect(requests.map((r) => r.headers.accept)).toEqual(['application/json']);
    clock.pass(1);
    answer = keySet('b');
    expect(await source.get(url)).toEqual(withKid('b'));
  });
  it.each([
    ['no-store', 0],
    ['max-age=0', 0],
    ['no-cache, max-age=99', 0],
    ['private', 60_000],
    ['max-age=100', 100_000],
    ['max-age=1e9', 60_000],
    ['max-age=99999999', 86_400_000],
  ])('reads Cache-Control: %s', (header, ms) => {
    expect(freshness(header, undefined)).toBe(ms);
  });
  it('counts the Age that the answer already has, and keeps a minute without a header', () => {
    expect(freshness('max-age=100', '40')).toBe(60_000);
    expect(freshness('max-age=100', '400')).toBe(0);
    expect(freshness(undefined, undefined)).toBe(60_000);
  });
  it('does not cache a set that must not be cached', async () => {
    const { source } = cache();
    answer = keySet('a', { 'cache-control': 'no-store' });
    await source.get(url);
    await source.get(url);
    expect(requests.length).toBe(2);
  });
  it('fetches again for an unknown kid, at most once a minute', async () => {
    const { clock, source } = cache();
    answer = keySet('a', { 'cache-control': 'max-age=3600' });
    await source.get(url);
    answer = keySet('b', { 'cache-control': 'max-age=3600' });
    clock.pass(59_000);
    expect(await source.get(url, { refresh: true })).toEqual(withKid('a'));
    clock.pass(1000);
    expect(await source.get(url, { refresh: true })).toEqual(withKid('b'));
    expect(await source.get(url, { refresh: true })).toEqual(withKid('b'));
    expect(requests.length).toBe(2);
  });
  it('lives on a fresh set while the server is away, and not on a stale one', async () => {
    const { clock, source } = cache();
    answer = keySet('a', { 'cache-control': 'max-age=120' });
    await source.get(url);
    answer = (_q, r) => void r.writeHead(500).end();
    clock.pass(90_000);
    expect(await source.get(url, { refresh: true })).toEqual(withKid('a'));
    clock.pass(30_000);
    expect(await source.get(url)).toEqual({ ok: false, reason: 'it answers with status 500' });
  });
  it('remembers a failure for 30 s, whatever asks again', async () => {
    const { clock, source } = cache();
    answer = (_q, r) => void r.writeHead(500).end();
    const failed = { ok: false, reason: 'it answers with status 500' };
    for (let i = 0; i < 20; i++) expect(await source.get(url, { refresh: i % 2 === 1 })).toEqual(failed);
    expect(requests.length).toBe(1);
    answer = keySet('a');
    clock.pass(29_999);
    expect(await source.get(url)).toEqual(failed);
    clock.pass(1);
    expect(await source.get(url)).toEqual(withKid('a'));
  });
  it('fetches so many sets at once and no more; the others wait for their turn', async () => {
    const held: ServerResponse[] = [];
    const { source } = cache({ concurrent: 2 });
    answer = (_q, r) => void held.push(r);
    const results = [1, 2, 3, 4, 5].map((n) => source.get(`${url}?${n}`));
    for (let answered = 0; answered < 5; answered++) {
      await expect.poll(() => held.length).toBe(Math.min(5, answered + 2));
      keySet('a')(requests[answered]!, held[answered]!);
      await results[answered];
    }
    expect(await Promise.all(results)).toEqual(results.map(() => withKid('a')));
  });
  it('gives up waiting for a turn in time, and does not blame the URL', async () => {
    const held: ServerResponse[] = [];
    const { source } = cache({ concurrent: 1, turnMs: 1 });
    answer = (_q, r) => void held.push(r);
    const slow = source.get(url);
    await expect.poll(() => held.length).toBe(1);
    const waiting = source.get(`${url}?2`);
    expect(await waiting).toEqual({ ok: false, reason: 'too many other key sets are being fetched' });
    keySet('a')(requests[0]!, held[0]!);
    expect(await slow).toEqual(withKid('a'));
    answer = keySet('b');
    expect(await source.get(`${url}?2`)).toEqual(withKid('b'));
  });
  it('shares one fetch among requests that come together', async () => {
    const { source } = cache();
    await Promise.all([source.get(url), source.get(url), source.get(url)]);
    expect(requests.length).toBe(1);
  });
  it('holds no more sets than its capacity', async () => {
    const { source } = cache({ capacity: 1 });
    await source.get(url);
    await source.get(`${url}?2`);
    await source.get(url);
    expect(requests.length).toBe(3);
  });
});

describe('a bad answer', () => {
  it.each<[string, RegExp, (response: ServerResponse) => void]>([
    ['a redirect', /redirects/, (r) => void r.writeHead(302, { location: url }).end()],
    ['404', /status 404/, (r) => void r.writeHead(404).end()],
    ['no JSON', /not JSON/, (r) => void r.end('<html>')],
    ['no key set', /not a JWK Set/, (r) => void r.end('[]')],
    ['null', /not a JWK Set/, (r) => void r.end('null')],
    [
      '1,000 keys',
      /more than 100 keys/,
      (r) => void r.end(JSON.stringify({ keys: Array.from({ length: 1000 }, () => ({})) })),
    ],
    ['200 KB', /larger than 100 KB/, (r) => void r.end(' '.repeat(200_000))],
    ['a cut connection', /cannot be reached/, (r) => void r.destroy()],
  ])('reports the reason: %s', async (_name, reason, give) => {
    answer = (_request, response) => {
      give(response);
    };
    const result = await cache().source.get(url);
    expect((result as { reason: string }).reason).toMatch(reason);
    expect(requests.length).toBe(1);
  });
  it.each<[string, (response: ServerResponse) => void]>([
    ['never comes', () => undefined],
    ['never ends', (r) => void r.write('{')],
  ])('is not waited for when it %s', async (_name, give) => {
    answer = (_request, response) => {
      give(response);
    };
    expect(await cache({ timeoutMs: 50 }).source.get(url)).toEqual({ ok: false, reason: 'it did not answer in time' });
  });
});

describe('where a jwks_uri may lead', () => {
  it('is https only; http on loopback under the switch for tests', () => {
    expect(jwksUriFault('https://app.example/jwks', false)).toBeUndefined();
    expect(jwksUriFault('http://127.0.0.1:9/jwks', true)).toBeUndefined();
    expect(jwksUriFault('http://[::1]:9/jwks', true)).toBeUndefined();
    for (const bad of [
      'http://app.example/jwks',
      'http://127.0.0.1:9/jwks',
      'http://localhost/jwks',
      'file:///etc/passwd',
      'data:application/json,{}',
      'jwks.json',
      '',
      'https://u:p@app.example/',
      'https://app.example/#a',
      `https://app.example/${'a'.repeat(3000)}`,
    ]) {
      expect(jwksUriFault(bad, false)).toBeTypeOf('string');
    }
    for (const bad of ['http://app.example/jwks', 'http://127.evil.example/jwks', 'ftp://127.0.0.1/'])
      expect(jwksUriFault(bad, true)).toBeTypeOf('string');
  });
  it('is never a private address, also when only one of several is, and no connection is made', async () => {
    for (const addresses of [
      ['127.0.0.1'],
      ['10.0.0.1'],
      ['169.254.169.254'],
      ['8.8.8.8', '192.168.0.1'],
      ['::1'],
      ['::ffff:127.0.0.1'],
      ['fd00::1'],
      ['fe80::1'],
    ]) {
      const { source } = cache({
        allowInsecure: false,
        resolve: () =>
          Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))),
      });
      expect(await source.get(url.replace('http:', 'https:'))).toEqual({
        ok: false,
        reason: 'its host is not on a public address',
      });
    }
    expect(requests.length).toBe(0);
  });
  it('knows public addresses', () => {
    for (const [address, family] of [
      ['8.8.8.8', 4],
      ['172.32.0.1', 4],
      ['2600::1', 6],
      ['2a00:1450::1', 6],
    ] as const)
      expect(isPublicAddress({ address, family })).toBe(true);
    for (const [address, family] of [
      ['0.0.0.0', 4],
      ['100.64.0.1', 4],
      ['172.16.0.1', 4],
      ['255.255.255.255', 4],
      ['::', 6],
      ['64:ff9b::1', 6],
      ['2002:7f00:1::', 6],
      ['ff02::1', 6],
    ] as const)
      expect(isPublicAddress({ address, family })).toBe(false);
  });
  it('connects to the address that was checked, whatever the name says later', async () => {
    let asked = 0;
    const { source } = cache({
      resolve: () => {
        asked++;
        return loopback();
      },
    });
    expect(await source.get(url)).toEqual(withKid('a'));
    expect(asked).toBe(1);
  });
  it('reports a name without an address', async () => {
    expect(await cache({ resolve: () => Promise.resolve([]) }).source.get(url)).toEqual({
      ok: false,
      reason: 'its host has no address',
    });
    expect(await cache({ resolve: () => Promise.reject(new Error('ENOTFOUND')) }).source.get(url)).toEqual({
      ok: false,
      reason: 'it cannot be reached',
    });
  });
});
