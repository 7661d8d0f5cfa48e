import { createPublicKey } from 'node:crypto';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Refusal } from '@provider-access/kernel';
import {
  clientFacts,
  encode,
  keyPair,
  newFolder,
  NOW,
  NOW_S,
  SettableClock,
  sign,
  signingKeysIn,
} from '../test/fixtures.ts';
import {
  AccessTokens,
  Authenticator,
  type KeySource,
  publishedKeys,
  secretHash,
  secretMatches,
  type SigningKeys,
  StaticTokens,
  type SmartContext,
  TokenIssuer,
} from './index.ts';
import { openTokens } from './secret-file.ts';

const PUBLIC_URL = 'https://payer.example';
let keys: SigningKeys;
/** The keys of `pa.registry`. */
let registry: Map<string, { jwk: Record<string, unknown> }>;
const source = (): KeySource => publishedKeys({ signingKey: (kid) => registry.get(kid) });
const issuer = (clock: SettableClock): TokenIssuer =>
  new TokenIssuer({ key: () => keys[0]!, publicUrl: PUBLIC_URL, clock });
beforeAll(async () => {
  keys = await signingKeysIn(join(await newFolder(), 'keys', 'token-signing.json'));
  registry = new Map([[keys[0]!.kid, { jwk: { ...keys[0]!.publicJwk } }]]);
});

function bench(
  history: Parameters<typeof clientFacts>[1] = [
    ['submitted', NOW - 9000],
    ['approved', NOW - 5000],
  ],
) {
  const clock = new SettableClock();
  const verifying = new AccessTokens({ keys: source(), publicUrl: PUBLIC_URL, clock, capacity: 2 });
  const tokens = Object.assign(verifying, {
    issue: (client: string, scope: string, approval = 1) => issuer(clock).issue(client, scope, approval),
  });
  const clients = new Map([
    ['c-1', clientFacts('c-1', history)],
    ['c-2', clientFacts('c-2', [['approved', NOW - 5000]])],
  ]);
  const authenticator = new Authenticator(tokens, { client: (id) => clients.get(id) });
  const call = async (token: string | undefined): Promise<SmartContext> =>
    authenticator.authenticate({ headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  const refused = async (token: string | undefined): Promise<Refusal> =>
    call(token).then(
      () => {
        throw new Error('was let in');
      },
      (e: unknown) => e as Refusal,
    );
  return { clock, tokens, clients, call, refused, authenticator };
}

describe('access tokens', () => {
  it('let an approved client in, first by signature and then from memory', async () => {
    const { tokens, call } = bench();
    const { token, expiresIn } = await tokens.issue('c-1', 'system/Patient.rs');
    expect(expiresIn).toBe(300);
    for (let i = 0; i < 2; i++)
      expect(await call(token)).toMatchObject({ client: 'c-1', scopes: { text: 'system/Patient.rs' } });
    expect(tokens.cached(token)).toBeDefined();
    tokens.drop('c-1');
    expect(tokens.cached(token)).toBeUndefined();
    expect(await call(token)).toMatchObject({ client: 'c-1' });
  });
  it('die after 300 s, also when remembered', async () => {
    const { tokens, call, refused, clock } = bench();
    const { token } = await tokens.issue('c-1', 'system/*.rs');
    clock.pass(299_000);
    await call(token);
    clock.pass(1000);
    expect(await refused(token)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  });
  it('die at once when the client is suspended, and stay dead when it is approved again', async () => {
    const { tokens, call, refused, clients, clock } = bench();
    const { token } = await tokens.issue('c-1', 'system/*.rs');
    await call(token);
    clients.set(
      'c-1',
      clientFacts('c-1', [
        ['approved', NOW - 5000],
        ['suspended', NOW + 1000],
      ]),
    );
    clock.pass(1000);
    await refused(token);
    clients.set(
      'c-1',
      clientFacts('c-1', [
        ['approved', NOW - 5000],
        ['suspended', NOW + 1000],
        ['approved', NOW + 60_000],
      ]),
    );
    clock.pass(59_000);
    await refused(token);
    await call((await tokens.issue('c-1', 'system/*.rs', 2)).token);
    clients.delete('c-1');
    await refused(token);
  });
  it('cost no signature check when they name no approved client', async () => {
    const { tokens, call, refused, clients } = bench();
    const verify = vi.spyOn(crypto.subtle, 'verify');
    clients.set(
      'c-3',
      clientFacts('c-3', [
        ['approved', NOW - 5000],
        ['suspended', NOW - 4000],
      ]),
    );
    for (const client of ['c-none', 'c-3', '__proto__'])
      expect(await refused((await tokens.issue(client, 'system/*.rs')).token)).toMatchObject({ status: 401 });
    for (const junk of [
      'junk',
      'a.b.c',
      'e30.e30.e30',
      `e30.${Buffer.from('{"client_id":7}').toString('base64url')}.x`,
    ])
      expect(await refused(junk)).toMatchObject({ status: 401 });
    expect(verify).not.toHaveBeenCalled();
    await call((await tokens.issue('c-1', 'system/*.rs')).token);
    expect(verify).toHaveBeenCalledTimes(1);
    verify.mockRestore();
  });
  it(
    'cost so many signature checks a minute when they are forged in the name of an approved client, and keep ' +
      'nobody else from theirs',
    async () => {
      const { tokens, clock, authenticator } = bench();
      const forger = (await keyPair('ES256', 'x')).privateKey;
      const forge = (client: string, payload: Record<string, unknown> = {}): Promise<string> =>
        sign(
          forger,
          { alg: 'ES256', typ: 'at+jwt', kid: keys[0]!.kid },
          { ...good, sub: client, client_id: client, jti: String(Math.random()), ...payload },
        );
      const status = (token: string, ip: string): Promise<number> =>
        Promise.resolve()
          .then(() => authenticator.authenticate({ headers: { authorization: `Bearer ${token}` }, ip }))
          .then(
            () => 200,
            (error: unknown) => (error as Refusal).status,
          );
      const remembered = (await tokens.issue('c-1', 'system/*.rs')).token;
      expect(await status(remembered, '192.0.2.1')).toBe(200);
      const verify = vi.spyOn(crypto.subtle, 'verify');

      const answers: number[] = [];
      for (let i = 0; i < 500; i++) answers.push(await status(await forge('c-1'), '192.0.2.1'));
      expect([
        answers.filter((s) => s === 401).length,
        answers.filter((s) => s === 429).length,
        verify.mock.calls.length,
      ]).toEqual([60, 440, 60]);
      // An expired token does not count, because an honest client may repeat it.
      for (let i = 0; i < 100; i++) expect(await status(await forge('c-2', { exp: NOW_S - 1 }), '192.0.2.1')).toBe(401);
      expect(verify).toHaveBeenCalledTimes(60);
      // The client may still use a cached token, or a new one from elsewhere, and other clients may use this address.
      expect(await status(remembered, '192.0.2.1')).toBe(200);
      expect(await status((await tokens.issue('c-1', 'system/*.rs')).token, '192.0.2.2')).toBe(200);
      expect(await status((await tokens.issue('c-2', 'system/*.rs')).token, '192.0.2.1')).toBe(200);
      clock.pass(60_000);
      expect(await status((await tokens.issue('c-1', 'system/*.rs')).token, '192.0.2.1')).toBe(200);
      verify.mockRestore();
    },
  );
  it('hold when the approving clock is ahead of the issuing one', async () => {
    const { tokens, call } = bench([['approved', NOW + 5000]]);
    await call((await tokens.issue('c-1', 'system/*.rs')).token);
  });
  it('cost one signature check when many requests come together with a new one, and none of them is 429', async () => {
    const { tokens, call } = bench();
    const verify = vi.spyOn(tokens, 'verify');
    const { token } = await tokens.issue('c-1', 'system/*.rs');
    const all = await Promise.all(Array.from({ length: 200 }, () => call(token)));
    expect(all.map(({ client }) => client)).toEqual(Array(200).fill('c-1'));
    expect(verify).toHaveBeenCalledTimes(1);
  });

  it('forget the least recently used first', async () => {
    const { tokens } = bench();
    const [a, b, c] = (await Promise.all(
      [1, 2, 3].map(async () => (await tokens.issue('c-1', 'system/*.rs')).token),
    )) as [string, string, string];
    await tokens.verify(a);
    await tokens.verify(b);
    await tokens.verify(a);
    await tokens.verify(c);
    expect([a, b, c].map((t) => tokens.cached(t) !== undefined)).toEqual([true, false, true]);
  });

  const good = {
    iss: PUBLIC_URL,
    sub: 'c-1',
    client_id: 'c-1',
    scope: 'system/*.rs',
    aud: `${PUBLIC_URL}/fhir`,
    iat: NOW_S,
    exp: NOW_S + 300,
    jti: 'x',
    approval: 1,
  };
  const ours = (payload: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    sign(keys[0]!.privateKey, { alg: 'ES256', kid: keys[0]!.kid, typ: 'at+jwt', ...header }, payload as never);
  it('are accepted with exactly these claims', async () => {
    await bench().call(await ours(good));
  });
  it.each<[string, () => Promise<string>]>([
    ['of another issuer', () => ours({ ...good, iss: 'https://other.example' })],
    ['for another audience', () => ours({ ...good, aud: 'https://payer.example/auth/token' })],
    ['of another type', () => ours(good, { typ: 'JWT' })],
    ['with an unknown kid', () => ours(good, { kid: 'nope' })],
    ['without a kid', () => ours(good, { kid: undefined })],
    ['without exp', () => ours({ ...good, exp: undefined })],
    ['whose sub is another client', () => ours({ ...good, sub: 'c-2' })],
    ['without an approval', () => ours({ ...good, approval: undefined })],
    ['without a scope', () => ours({ ...good, scope: undefined })],
    ['of an unknown client', () => ours({ ...good, sub: 'c-9', client_id: 'c-9' })],
    ['with alg none', () => Promise.resolve(encode({ alg: 'none', typ: 'at+jwt', kid: keys[0]!.kid }, good, ''))],
    [
      'with HS256 and the public key as the secret',
      async () =>
        sign(
          Buffer.from(createPublicKey(keys[0]!.privateKey).export({ type: 'spki', format: 'pem' }) as string),
          { alg: 'HS256', typ: 'at+jwt', kid: keys[0]!.kid },
          good,
        ),
    ],
    [
      'signed by another ES256 key',
      async () =>
        sign((await keyPair('ES256', 'x')).privateKey, { alg: 'ES256', typ: 'at+jwt', kid: keys[0]!.kid }, good),
    ],
    [
      'whose claims were changed',
      async () => {
        const [h, , s] = (await ours(good)).split('.');
        return `${h}.${Buffer.from(JSON.stringify({ ...good, scope: 'system/*.cruds' })).toString('base64url')}.${s}`;
      },
    ],
    ['that is no JWT', () => Promise.resolve('garbage')],
    ['that is empty', () => Promise.resolve('')],
    ['of 100,000 characters', () => Promise.resolve('a'.repeat(100_000))],
  ])('are refused %s', async (_name, make) => {
    expect(await bench().refused(await make())).toMatchObject({
      kind: 'invalid-token',
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
  });
  it('are requested without an error when there is none', async () => {
    expect(await bench().refused(undefined)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
  });
});

describe('static tokens', () => {
  it('are 256 random bits in a file of mode 0600, kept over a restart', async () => {
    const file = join(await newFolder(), 'administrator-token');
    const first = async () => (await openTokens({ role: 'token file', file, create: true, everyMs: 0 })).current[0]!;
    const token = await first();
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await first()).toBe(token);
    await chmod(file, 0o600);
    await writeFile(file, '');
    await expect(first()).rejects.toThrow(/empty/);
  });
  it('permit only the actions of their role', () => {
    const tokens = new StaticTokens({ administrator: 'a'.repeat(43), payer: 'b'.repeat(43) });
    const as = (authorization: string) => ({ headers: { authorization } });
    expect(tokens.require(as(`Bearer ${'a'.repeat(43)}`), ['administrator'])).toBe('administrator');
    expect(tokens.require(as(`bearer ${'b'.repeat(43)}`), ['administrator', 'payer'])).toBe('payer');
    for (const bad of [`Bearer ${'b'.repeat(43)}`, 'Bearer ', 'Bearer a', `Basic ${'a'.repeat(43)}`, ''])
      expect(() => tokens.require(as(bad), ['administrator'])).toThrow(Refusal);
    expect(() => tokens.require({ headers: {} }, ['payer'])).toThrow(/payer token/);
  });
  it('compare by hash, whatever the length', () => {
    expect(secretMatches('a', secretHash('a'))).toBe(true);
    for (const other of ['', 'b', 'aa', 'a'.repeat(1000)]) expect(secretMatches(other, secretHash('a'))).toBe(false);
    expect(secretMatches('a', '')).toBe(false);
  });
});
