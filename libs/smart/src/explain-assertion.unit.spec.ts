import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CryptoKey } from 'jose';
import { claims, encode, keyPair, type KeyPair, NOW, NOW_S, sign, TOKEN_URL } from '../test/fixtures.ts';
import type { AssertionClient } from './assertion-keys.ts';
import { explainAssertion } from './explain-assertion.ts';

/** Every check of a signature. Specs share their modules, so jose itself cannot be replaced. */
const checks = vi.spyOn(crypto.subtle, 'verify');
afterAll(() => checks.mockRestore());

const JWKS_URI = 'https://app.example/jwks.json';
let es: KeyPair, rs: KeyPair, stranger: KeyPair;
beforeAll(async () => {
  [es, rs, stranger] = (await Promise.all([
    keyPair('ES384', 'es'),
    keyPair('RS384', 'rs'),
    keyPair('ES384', 'es'),
  ])) as [KeyPair, KeyPair, KeyPair];
});
let lookups: string[];
let used: string[];
beforeEach(() => {
  lookups = [];
  used = [];
  checks.mockClear();
});
const CLIENTS = (): Record<string, AssertionClient> => ({
  'c-inline': { jwks: { keys: [es.jwk, rs.jwk] } },
  'c-url': { jwksUri: JWKS_URI },
  'c-away': { jwksUri: 'https://away.example/jwks.json' },
  'c-renewed': { jwks: { keys: [rs.jwk] }, former: [{ jwks: { keys: [es.jwk] } }] },
});
const explain = (assertion: string | undefined) =>
  explainAssertion({
    assertion,
    audiences: { endpoint: [TOKEN_URL], beside: [] },
    now: NOW,
    lookup: async (id) => {
      lookups.push(id);
      return CLIENTS()[id];
    },
    jwksSource: {
      get: async (url) =>
        url === JWKS_URI ? { ok: true, keys: [es.jwk] } : { ok: false, reason: 'it cannot be reached' },
    },
    used: async (key) => {
      used.push(key);
      return key === 'c-inline|spent';
    },
  });
const header = (over: Record<string, unknown> = {}) => ({ alg: 'ES384', kid: 'es', typ: 'JWT', ...over });
const signed = (
  payload: Record<string, unknown> = {},
  head: Record<string, unknown> = {},
  key: CryptoKey | Uint8Array = es.privateKey,
) => sign(key, header(head), claims((payload['iss'] as string | undefined) ?? 'c-inline', payload));
const faults = async (assertion: string) =>
  (await explain(assertion))!.checks.filter((check) => !check.accepted).map(({ part, text }) => `${part}: ${text}`);

describe('an assertion that a key of its client signed', () => {
  it.each<[string, () => Promise<string>]>([
    ['with a listed key', () => signed()],
    ['with RS384', () => signed({}, { alg: 'RS384', kid: 'rs' }, rs.privateKey)],
    ['with a published key', () => signed({ iss: 'c-url' }, { jku: JWKS_URI })],
    ['with a former key', () => signed({ iss: 'c-renewed' })],
  ])('is accepted in every part: %s', async (_name, make) => {
    const explained = await explain(await make());
    expect(explained!.checks.map(({ part }) => part)).toEqual([
      'typ',
      'kid',
      'jku',
      'iss',
      'sub',
      'aud',
      'exp',
      'nbf',
      'iat',
      'jti',
    ]);
    expect(explained!.checks.every(({ accepted }) => accepted)).toBe(true);
  });
  it('is explained in all its faults at once, without the values that it has', async () => {
    const wrong = await faults(
      await signed(
        { sub: 'SECRET', aud: 'https://SECRET.example', exp: NOW, nbf: NOW_S + 900, iat: 'SECRET', jti: '' },
        { typ: 'SECRET', jku: 'https://SECRET.example' },
      ),
    );
    expect(wrong.map((text) => text.split(':')[0])).toEqual(['typ', 'jku', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']);
    expect(wrong.join()).not.toContain('SECRET');
    expect(wrong.join()).toContain(TOKEN_URL);
  });
  it('is told when its jti was used before', async () => {
    expect(await faults(await signed({ jti: 'spent' }))).toEqual([expect.stringMatching(/^jti: jti was used before/)]);
  });
});

describe('everything else', () => {
  const cases: [string, () => Promise<string | undefined>][] = [
    ['no assertion', () => Promise.resolve(undefined)],
    ['an empty one', () => Promise.resolve('')],
    ['garbage', () => Promise.resolve('garbage')],
    ['a huge one', () => signed({ pad: 'x'.repeat(20_000) })],
    ['an unknown client', () => signed({ iss: 'c-none' })],
    ['no client', () => sign(es.privateKey, header(), { sub: 'c-inline', aud: TOKEN_URL, exp: NOW_S + 9, jti: 'x' })],
    ['a client whose keys cannot be reached', () => signed({ iss: 'c-away' })],
    ['the key of a stranger', () => signed({}, {}, stranger.privateKey)],
    ['the key of another client', () => signed({ iss: 'c-renewed' }, { kid: 'rs' })],
    ['an unknown kid', () => signed({}, { kid: 'none' })],
    ['no kid', () => signed({}, { kid: undefined })],
    ['a wrong alg', () => Promise.resolve(encode(header({ alg: 'RS256' }), claims('c-inline')))],
    ['alg none', () => Promise.resolve(encode(header({ alg: 'none' }), claims('c-inline'), ''))],
    ['a broken signature', () => Promise.resolve(encode(header(), claims('c-inline')))],
    ['a critical header', () => Promise.resolve(encode(header({ crit: ['exp'] }), claims('c-inline')))],
    [
      'wrong claims and the key of a stranger',
      () => signed({ aud: 'x', exp: 1, jti: 'spent' }, {}, stranger.privateKey),
    ],
  ];
  it.each(cases)('is explained in nothing, after one lookup and one check of a signature: %s', async (_name, make) => {
    expect(await explain(await make())).toBeUndefined();
    expect({ lookups: lookups.length, signatures: checks.mock.calls.length, used }).toEqual({
      lookups: 1,
      signatures: 1,
      used: [],
    });
  });
  it('costs as many checks of a signature as what is explained', async () => {
    expect(await explain(await signed())).toBeDefined();
    expect([lookups.length, checks.mock.calls.length]).toEqual([1, 1]);
  });
});
