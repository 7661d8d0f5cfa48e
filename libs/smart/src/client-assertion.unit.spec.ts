import { beforeAll, describe, expect, it } from 'vitest';
import { base64url, exportSPKI, importJWK, type CryptoKey } from 'jose';
import { claims, encode, keyPair, NOW, NOW_S, OnceStore, sign, TOKEN_URL, type KeyPair } from '../test/fixtures.ts';
import type { AssertionClient } from './assertion-keys.ts';
import { verifyClientAssertion, type AssertionInput, type AssertionResult } from './client-assertion.ts';
import { keyMark } from './client-keys.ts';
import type { JwksResult } from './jwks-source.ts';

const ISSUER = 'https://payer.example';
const JWKS_URI = 'https://app.example/jwks.json';
let es: KeyPair, rs: KeyPair, other: KeyPair, es256: KeyPair;
beforeAll(async () => {
  [es, rs, other, es256] = (await Promise.all([
    keyPair('ES384', 'es'),
    keyPair('RS384', 'rs'),
    keyPair('ES384', 'es'),
    keyPair('ES256', 'es256'),
  ])) as [KeyPair, KeyPair, KeyPair, KeyPair];
});

const clients = (): Record<string, AssertionClient> => ({
  'c-inline': { jwks: { keys: [es.jwk, rs.jwk] } },
  'c-url': { jwksUri: JWKS_URI },
  'c-twins': { jwks: { keys: [es.jwk, { ...other.jwk, kid: 'es' }] } },
  'c-kinds': { jwks: { keys: [es.jwk, { ...rs.jwk, kid: 'es' }] } },
  'c-p256': { jwks: { keys: [{ ...es256.jwk, kid: 'es' }] } },
  'c-mismatch': { jwks: { keys: [{ ...rs.jwk, kid: 'es' }] } },
  'c-leaked': { jwks: { keys: [{ ...es.jwk, d: 'c2VjcmV0' }] } },
});

interface Overrides extends Partial<AssertionInput> {
  published?: JwksResult[];
  fetched?: boolean[];
}
function check(assertion: string, { published = [], fetched = [], ...over }: Overrides = {}): Promise<AssertionResult> {
  return verifyClientAssertion({
    assertion,
    audiences: { endpoint: [TOKEN_URL], beside: [ISSUER] },
    now: NOW,
    lookup: (id) => clients()[id],
    claims: new OnceStore(),
    jwksSource: {
      get: (_url, options) => {
        fetched.push(options?.refresh ?? false);
        return Promise.resolve(published.shift() ?? { ok: false, reason: 'it cannot be reached' });
      },
    },
    ...over,
  });
}
const header = (over: Record<string, unknown> = {}) => ({ alg: 'ES384', kid: 'es', typ: 'JWT', ...over });
const signed = (
  payload: Record<string, unknown> = {},
  head: Record<string, unknown> = {},
  key: CryptoKey | Uint8Array = es.privateKey,
) => sign(key, header(head), claims((payload['iss'] as string | undefined) ?? 'c-inline', payload));

describe('a good assertion', () => {
  it.each<[string, () => Promise<string>]>([
    ['ES384', () => signed()],
    ['RS384', () => signed({}, { alg: 'RS384', kid: 'rs' }, rs.privateKey)],
    ['without typ', () => signed({}, { typ: undefined })],
    ['with aud in an array', () => signed({ aud: [TOKEN_URL] })],
    ['with our issuer beside the token endpoint in aud', () => signed({ aud: [ISSUER, TOKEN_URL] })],
    ['with one audience twice', () => signed({ aud: [TOKEN_URL, TOKEN_URL] })],
    ['with iat and nbf', () => signed({ iat: NOW_S - 5, nbf: NOW_S - 5 })],
    ['exp just past, within the skew', () => signed({ exp: NOW_S - 29 })],
    ['exp five minutes ahead', () => signed({ exp: NOW_S + 300 })],
    ['iat a little ahead, within the skew', () => signed({ iat: NOW_S + 20 })],
    ['two keys of one kid whose kty differs', () => signed({ iss: 'c-kinds' })],
  ])('is accepted: %s', async (_name, make) => {
    expect(await check(await make())).toMatchObject({ ok: true, jti: 'j-1' });
  });
  it('is checked against the published key set, with jku and without', async () => {
    for (const head of [{}, { jku: JWKS_URI }])
      expect(
        await check(await signed({ iss: 'c-url' }, head), { published: [{ ok: true, keys: [es.jwk] }] }),
      ).toMatchObject({ ok: true, client: 'c-url' });
  });
  it('makes us fetch again once when the kid is new', async () => {
    const fetched: boolean[] = [];
    expect(
      await check(await signed({ iss: 'c-url' }), {
        fetched,
        published: [
          { ok: true, keys: [rs.jwk] },
          { ok: true, keys: [es.jwk] },
        ],
      }),
    ).toMatchObject({ ok: true });
    expect(fetched).toEqual([false, true]);
  });
});

describe('an app that changed its keys', () => {
  const accepted = async (client: AssertionClient, key: KeyPair, head: Record<string, unknown> = {}) =>
    (
      await check(await signed({}, { kid: key.jwk.kid, ...head }, key.privateKey), {
        lookup: () => client,
        published: [{ ok: true, keys: [es.jwk] }],
      })
    ).ok;
  it('is known by keys of the set before, of a list or of a URL', async () => {
    const renewed = { ...other, jwk: { ...other.jwk, kid: 'new' } };
    for (const former of [{ jwks: { keys: [es.jwk] } }, { jwksUri: JWKS_URI }]) {
      const client = { jwks: { keys: [renewed.jwk] }, former: [former] };
      expect([await accepted(client, es), await accepted(client, renewed)]).toEqual([true, true]);
    }
    expect(await accepted({ jwks: { keys: [renewed.jwk] }, former: [] }, es)).toBe(false);
  });
  it('is not known by a former key whose kid names a new one', async () => {
    const client = { jwks: { keys: [other.jwk] }, former: [{ jwks: { keys: [es.jwk] } }] };
    expect([await accepted(client, es), await accepted(client, other)]).toEqual([false, true]);
  });
  it('may name by jku the URL of the set before, and no other one', async () => {
    const client = { jwks: { keys: [rs.jwk] }, former: [{ jwksUri: JWKS_URI }] };
    expect(await accepted(client, es, { jku: JWKS_URI })).toBe(true);
    expect(await accepted(client, es, { jku: 'https://other.example/jwks.json' })).toBe(false);
  });
});

describe('two keys', () => {
  it('are the same whatever their kids and leading zeros are', () => {
    const padded = base64url.encode(Buffer.concat([Buffer.alloc(3), Buffer.from(rs.jwk.n!, 'base64url')]));
    expect(keyMark({ ...rs.jwk, kid: 'x', n: padded, alg: 'RS384' })).toBe(keyMark(rs.jwk));
    expect(keyMark({ ...es.jwk, kid: 'x' })).toBe(keyMark(es.jwk));
    expect(new Set([es, rs, other, es256].map(({ jwk }) => keyMark(jwk))).size).toBe(4);
    expect(keyMark({ ...es.jwk, kty: 'RSA' })).not.toBe(keyMark(rs.jwk));
  });
});

describe('a bad assertion', () => {
  it.each<[string, string, RegExp, () => Promise<string>]>([
    ['garbage', 'decode', /not a signed JWT/, () => Promise.resolve('garbage')],
    ['empty', 'decode', /not a signed JWT/, () => Promise.resolve('')],
    ['two parts', 'decode', /not a signed JWT/, () => Promise.resolve('e30.e30x')],
    [
      'claims that are no JSON',
      'decode',
      /not a signed JWT/,
      () => Promise.resolve(`${Buffer.from('{"alg":"ES384"}').toString('base64url')}.bm90anNvbg.x`),
    ],
    ['claims that are an array', 'decode', /not a signed JWT/, () => Promise.resolve(encode(header(), []))],
    ['huge', 'decode', /longer than 8192/, () => signed({ pad: 'x'.repeat(20_000) })],
    ['typ of an access token', 'decode', /typ/, () => signed({}, { typ: 'at+jwt' })],
    ['critical header', 'decode', /crit/, () => Promise.resolve(encode(header({ crit: ['exp'] }), claims('c-inline')))],
    [
      'alg none',
      'alg',
      /RS384 or ES384/,
      () => Promise.resolve(encode({ alg: 'none', kid: 'es' }, claims('c-inline'), '')),
    ],
    [
      'alg nOnE',
      'alg',
      /RS384 or ES384/,
      () => Promise.resolve(encode({ alg: 'nOnE', kid: 'es' }, claims('c-inline'), '')),
    ],
    ['no alg', 'alg', /RS384 or ES384/, () => Promise.resolve(encode({ kid: 'es' }, claims('c-inline')))],
    [
      'alg as an array',
      'alg',
      /RS384 or ES384/,
      () => Promise.resolve(encode({ alg: ['ES384'], kid: 'es' }, claims('c-inline'))),
    ],
    [
      'HS256 with the public key as the secret',
      'alg',
      /RS384/,
      async () =>
        signed({}, { alg: 'HS256' }, Buffer.from(await exportSPKI((await importJWK(es.jwk, 'ES384')) as CryptoKey))),
    ],
    [
      'HS384 with the modulus as the secret',
      'alg',
      /RS384/,
      () => signed({}, { alg: 'HS384', kid: 'rs' }, base64url.decode(rs.jwk.n!)),
    ],
    [
      'RS256',
      'alg',
      /RS384/,
      async () => signed({}, { alg: 'RS256', kid: 'rs' }, (await keyPair('RS256', 'rs')).privateKey),
    ],
    ['ES256', 'alg', /ES384/, () => signed({}, { alg: 'ES256' }, es256.privateKey)],
    [
      'no iss',
      'client',
      /iss/,
      () =>
        signed({ iss: undefined as never, sub: 'c-inline' }).then(() =>
          sign(es.privateKey, header(), { sub: 'c-inline', aud: TOKEN_URL, exp: NOW_S + 9, jti: 'x' }),
        ),
    ],
    ['iss that is a number', 'client', /iss/, () => signed({ iss: 7 })],
    ['sub other than iss', 'client', /sub/, () => signed({ sub: 'c-url' })],
    ['no sub', 'client', /sub/, () => signed({ sub: undefined })],
    ['unknown client', 'client', /not an active client/, () => signed({ iss: 'c-none' })],
    ['a name every object has', 'client', /not an active client/, () => signed({ iss: 'c-__proto__' })],
    [
      'aud of another server',
      'aud',
      /aud must be.*payer\.example/,
      () => signed({ aud: 'https://other.example/token' }),
    ],
    ['aud with a slash more', 'aud', /aud/, () => signed({ aud: `${TOKEN_URL}/` })],
    ['aud also of another server', 'aud', /aud/, () => signed({ aud: [TOKEN_URL, 'https://other.example/token'] })],
    ['aud of our issuer alone', 'aud', /aud/, () => signed({ aud: ISSUER })],
    ['aud of our issuer alone in an array', 'aud', /aud/, () => signed({ aud: [ISSUER] })],
    ['an empty aud', 'aud', /aud/, () => signed({ aud: [] })],
    ['aud in an array in an array', 'aud', /aud/, () => signed({ aud: [[TOKEN_URL]] })],
    ['aud beside null', 'aud', /aud/, () => signed({ aud: [TOKEN_URL, null] })],
    ['aud beside an array', 'aud', /aud/, () => signed({ aud: [TOKEN_URL, [TOKEN_URL]] })],
    ['two audiences in one text', 'aud', /aud/, () => signed({ aud: `${TOKEN_URL} ${ISSUER}` })],
    ['aud of our issuer with a user part', 'aud', /aud/, () => signed({ aud: [TOKEN_URL, `${ISSUER}@other.example`] })],
    ['aud as an object', 'aud', /aud/, () => signed({ aud: { a: TOKEN_URL } })],
    ['no aud', 'aud', /aud/, () => signed({ aud: undefined })],
    ['expired', 'time', /exp is past/, () => signed({ exp: NOW_S - 30 })],
    ['exp more than five minutes ahead', 'time', /at most 300/, () => signed({ exp: NOW_S + 301 })],
    ['exp in milliseconds', 'time', /at most 300/, () => signed({ exp: NOW + 240_000 })],
    ['no exp', 'time', /exp is required/, () => signed({ exp: undefined })],
    [
      'exp as text',
      'time',
      /exp is required/,
      () => Promise.resolve(encode(header(), claims('c-inline', { exp: String(NOW_S + 60) }))),
    ],
    ['nbf in the future', 'time', /nbf/, () => signed({ nbf: NOW_S + 60 })],
    ['iat in the future', 'time', /iat/, () => signed({ iat: NOW_S + 60 })],
    ['iat as text', 'time', /iat/, () => Promise.resolve(encode(header(), claims('c-inline', { iat: 'now' })))],
    ['no kid', 'key', /kid must be/, () => signed({}, { kid: undefined })],
    [
      'unknown kid',
      'key',
      /^No registered key has this kid and the type \(kty\) that [ER]S384 needs\.$/,
      () => signed({}, { kid: 'nope' }),
    ],
    [
      'kid of a key of another kty',
      'key',
      /^No registered key has this kid and the type \(kty\) that [ER]S384 needs\.$/,
      () => signed({ iss: 'c-mismatch' }),
    ],
    ['two keys of one kid', 'key', /^More than one registered key has this kid/, () => signed({ iss: 'c-twins' })],
    ['a key on another curve', 'key', /crv other than P-384/, () => signed({ iss: 'c-p256' })],
    ['a key published with its private half', 'key', /secret parameter "d"/, () => signed({ iss: 'c-leaked' })],
    ['foreign jku', 'key', /jku/, () => signed({ iss: 'c-url' }, { jku: 'https://evil.example/jwks.json' })],
    ['jku with inline keys', 'key', /jku/, () => signed({}, { jku: JWKS_URI })],
    [
      'published keys away',
      'key',
      /jwks_uri does not give a key set: it cannot be reached/,
      () => signed({ iss: 'c-url' }),
    ],
    ['signed by another key', 'signature', /not signed with its key/, () => signed({}, {}, other.privateKey)],
    [
      'changed claims',
      'signature',
      /not signed with its key/,
      async () => {
        const [h, , s] = (await signed()).split('.');
        return `${h}.${Buffer.from(JSON.stringify(claims('c-inline', { jti: 'j-2' }))).toString('base64url')}.${s}`;
      },
    ],
    ['no signature', 'signature', /not signed with its key/, async () => (await signed()).replace(/[^.]+$/, '')],
    ['no jti', 'jti', /jti/, () => signed({ jti: undefined })],
    ['empty jti', 'jti', /jti/, () => signed({ jti: '' })],
    ['jti that is a number', 'jti', /jti/, () => signed({ jti: 5 })],
  ])('is refused: %s', async (_name, step, message, make) => {
    const store = new OnceStore();
    const assertion = await make();
    const result = await check(assertion, {
      claims: store,
      lookup: (id) => (Object.hasOwn(clients(), id) ? clients()[id] : undefined),
    });
    expect(result).toMatchObject({ ok: false, step });
    expect((result as { message: string }).message).toMatch(message);
    // A refused assertion uses up no jti, and the message shows nothing of it.
    expect(store.kept.size).toBe(0);
    expect(JSON.stringify(result)).not.toContain(assertion.split('.')[2] || 'nothing to show');
  });
  it('gives a stranger no other words than a wrong signature', async () => {
    const [stranger, forged] = await Promise.all([
      check(await signed({ iss: 'c-none' })),
      check(await signed({}, {}, other.privateKey)),
    ]);
    expect((stranger as { message: string }).message).toBe((forged as { message: string }).message);
  });
  it('is fetched for once more, not again and again, when the kid stays unknown', async () => {
    const fetched: boolean[] = [];
    const published = [1, 2].map((): JwksResult => ({ ok: true, keys: [rs.jwk, null, 'x', { kid: 'es' }] }));
    expect(await check(await signed({ iss: 'c-url' }), { fetched, published })).toMatchObject({
      ok: false,
      step: 'key',
    });
    expect(fetched).toEqual([false, true]);
  });
});

describe('a replayed assertion', () => {
  it('is refused, also after the state was opened again', async () => {
    const store = new OnceStore();
    const assertion = await signed();
    expect(await check(assertion, { claims: store })).toMatchObject({ ok: true });
    expect(await check(assertion, { claims: store })).toMatchObject({ ok: false, step: 'jti' });
    expect(await check(assertion, { claims: new OnceStore(store.kept) })).toMatchObject({ ok: false, step: 'jti' });
  });
  it('is remembered for as long as exp lets it in', async () => {
    const store = new OnceStore();
    await check(await signed({ exp: NOW_S + 60 }), { claims: store });
    const until = [...store.kept.values()][0]!;
    expect(await check(await signed({ exp: NOW_S + 60 }), { now: until - 1 })).toMatchObject({
      ok: false,
      step: 'time',
    });
  });
  it('is another one under another client', async () => {
    const store = new OnceStore();
    for (const iss of ['c-inline', 'c-kinds'])
      expect(await check(await signed({ iss }), { claims: store })).toMatchObject({ ok: true, client: iss });
  });
  it('is neither accepted nor blamed on the client while the state is away', async () => {
    await expect(
      check(await signed(), { claims: { insertOnce: () => Promise.reject(new Error('away')) } }),
    ).rejects.toThrow('away');
  });
});
