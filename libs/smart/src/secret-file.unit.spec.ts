import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '@provider-access/service/config';
import { keyPair, newFolder, SettableClock, signingKeysIn } from '../test/fixtures.ts';
import {
  AccessTokens,
  fixedSecret,
  openKeys,
  openSigningKeys,
  openTokens,
  publishedKeys,
  StaticTokens,
  TokenIssuer,
} from './index.ts';

const [A, B] = ['a'.repeat(43), 'b'.repeat(43)];
const ROLE = 'PAYER_TOKENS_FILE';
async function put(text: string, mode = 0o600): Promise<string> {
  const file = join(await newFolder(), 'secret');
  await writeFile(file, text, { mode });
  await chmod(file, mode);
  return file;
}
const openTokensIn = async (text: string, mode?: number) =>
  openTokens({ role: ROLE, file: await put(text, mode), everyMs: 0 });

describe('a secret file', () => {
  it.each<[string, () => Promise<string>, RegExp]>([
    ['that is not there', async () => join(await newFolder(), 'none'), /not there/],
    [
      'that is a folder',
      async () => {
        const at = join(await newFolder(), 'd');
        await mkdir(at);
        return at;
      },
      /folder/,
    ],
    ['that is empty', () => put(' \n\n'), /empty/],
    ['that others may read', () => put(A, 0o604), /others may read/],
    ['that its group may write', () => put(A, 0o660), /group may write/],
    ['with a short token', () => put(`${A}\nshort`), /line 2 has less than 32 characters/],
    ['with a token of two words', () => put(`${A} ${B}`), /line 1 has characters/],
  ])('%s ends the start by a sentence that names its variable and no value', async (_name, file, text) => {
    const error = await openTokens({ role: ROLE, file: await file(), everyMs: 0 }).then(
      () => undefined,
      (e: unknown) => e as Error,
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error!.message).toMatch(new RegExp(`^${ROLE}: .*`));
    expect(error!.message).toMatch(text);
    for (const value of [A, B, 'short']) expect(error!.message).not.toContain(value);
  });
  it.each([
    ['c2hvcnQ', /less than 32 bytes/],
    ['not base64url at all, but long enough to be a key', /not base64url/],
  ])('of keys refuses %j', async (text, message) => {
    await expect(openKeys({ role: 'PAGE_LINK_KEYS_FILE', file: await put(text), everyMs: 0 })).rejects.toThrow(message);
  });
  it('may be read by its group, as mounted secrets are', async () => {
    expect((await openTokensIn(A, 0o440)).current).toEqual([A]);
  });
  it('is made with one value where that is allowed, mode 0600, by one of two that start together', async () => {
    const file = join(await newFolder(), 'deep', 'key');
    const [one, two] = await Promise.all([1, 2].map(() => openKeys({ role: 'r', file, create: true, everyMs: 0 })));
    expect(one!.current).toEqual(two!.current);
    expect(one!.current[0]).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
  it('accepts added tokens, drops removed ones, and keeps the last good content when the file is broken', async () => {
    const file = await put(A);
    const warnings: string[] = [];
    const secret = await openTokens({
      role: ROLE,
      file,
      everyMs: 0,
      logger: { warn: (details) => warnings.push(JSON.stringify(details)) },
    });
    const tokens = new StaticTokens({ payer: secret });
    let changes = 0;
    secret.onChange(() => changes++);
    const roles = () => [A, B].map((token) => tokens.roleOf(token));
    expect(roles()).toEqual(['payer', undefined]);
    await writeFile(file, `${A}\r\n${B}\n`);
    secret.refresh();
    expect(roles()).toEqual(['payer', 'payer']);
    for (const broken of ['', 'short']) {
      await writeFile(file, broken);
      secret.refresh();
      secret.refresh();
    }
    await rm(file);
    secret.refresh();
    expect(roles()).toEqual(['payer', 'payer']);
    expect(warnings).toHaveLength(3);
    expect(warnings[2]).toMatch(/PAYER_TOKENS_FILE: .*not there/);
    await writeFile(file, B, { mode: 0o600 });
    secret.refresh();
    expect(roles()).toEqual([undefined, 'payer']);
    expect([warnings.length, changes]).toEqual([3, 2]);
  });
  it('is looked at by itself', async () => {
    const file = await put(A);
    const secret = await openTokens({ role: ROLE, file, everyMs: 5 });
    const changed = new Promise<void>((resolve) => secret.onChange(resolve));
    await writeFile(file, B);
    await changed;
    expect(secret.current).toEqual([B]);
    secret.close();
  });
});

describe('the file of signing keys', () => {
  const jwkOf = async (kid: string, alg: 'ES256' | 'ES384' = 'ES256') => {
    const { jwk, privateKey } = await keyPair(alg, kid);
    return { ...jwk, d: (await crypto.subtle.exportKey('jwk', privateKey)).d };
  };
  const openIn = async (content: unknown) =>
    openSigningKeys({
      role: 'TOKEN_SIGNING_KEYS_FILE',
      file: await put(typeof content === 'string' ? content : JSON.stringify(content)),
      everyMs: 0,
    });

  it('is a JWK Set: its first key signs, and no published key is private', async () => {
    const { current } = await openIn({ keys: [await jwkOf('new'), await jwkOf('old')] });
    expect([current[0]!.kid, current.map((k) => k.kid)]).toEqual(['new', ['new', 'old']]);
    for (const { publicJwk } of current)
      expect(Object.keys(publicJwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
  it('names a key without a kid by its thumbprint, the same every time', async () => {
    const { kid: _none, ...jwk } = await jwkOf('x');
    const [one, two] = [await openIn({ keys: [jwk] }), await openIn({ keys: [jwk] })];
    expect(one.current[0]!.kid).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(two.current[0]!.kid).toBe(one.current[0]!.kid);
  });
  it('is made once with one key', async () => {
    const file = join(await newFolder(), 'k.json');
    const [a, b] = await Promise.all([signingKeysIn(file), signingKeysIn(file)]);
    expect(a[0]!.kid).toBe(b[0]!.kid);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
  it.each<[string, () => Promise<unknown>]>([
    ['not JSON', async () => '{'],
    ['no set', async () => ({})],
    ['no key', async () => ({ keys: [] })],
    ['null', async () => ({ keys: [null] })],
    ['a public key', async () => ({ keys: [{ ...(await jwkOf('a')), d: undefined }] })],
    ['a P-384 key', async () => ({ keys: [await jwkOf('a', 'ES384')] })],
    ['a symmetric key', async () => ({ keys: [{ kty: 'oct', k: A, kid: 'a' }] })],
    ['an encryption key', async () => ({ keys: [{ ...(await jwkOf('a')), use: 'enc' }] })],
    ['one kid twice', async () => ({ keys: [await jwkOf('a'), await jwkOf('a')] })],
    ['a d of another key', async () => ({ keys: [{ ...(await jwkOf('a')), d: (await jwkOf('b')).d }] })],
    ['a kid of a path', async () => ({ keys: [await jwkOf('../a')] })],
  ])('refuses %s', async (_name, content) => {
    await expect(openIn(await content())).rejects.toThrow(/^TOKEN_SIGNING_KEYS_FILE: /);
  });
});

describe('tokens and the keys of the registry', () => {
  const setup = async () => {
    const registry = new Map<string, { jwk: Record<string, unknown> }>();
    const first = (await signingKeysIn(join(await newFolder(), 'k.json')))[0]!;
    const clock = new SettableClock();
    const tokens = new AccessTokens({
      keys: publishedKeys({ signingKey: (kid) => registry.get(kid) }),
      publicUrl: 'https://payer.example',
      clock,
    });
    const { token } = await new TokenIssuer({ key: () => first, publicUrl: 'https://payer.example', clock }).issue(
      'c-1',
      'system/*.rs',
      1,
    );
    return { registry, first, tokens, token, clock };
  };
  it('a key in the file counts only while it is published, whether or not a cache still holds it', async () => {
    const { registry, first, tokens, token } = await setup();
    expect(await tokens.verify(token)).toBeUndefined();
    registry.set(first.kid, { jwk: { ...first.publicJwk } });
    expect(await tokens.verify(token)).toMatchObject({ client: 'c-1', kid: first.kid });
    expect(tokens.cached(token)).toBeDefined();
    registry.delete(first.kid);
    expect([tokens.cached(token), await tokens.verify(token)]).toEqual([undefined, undefined]);
  });
  it.each<[string, (jwk: Record<string, unknown>) => Record<string, unknown>]>([
    ['says another alg', (jwk) => ({ ...jwk, alg: 'HS256' })],
    ['says another use', (jwk) => ({ ...jwk, use: 'enc' })],
    ['is symmetric', (jwk) => ({ kty: 'oct', k: jwk['x'] })],
    ['is an RSA key', () => ({ kty: 'RSA', n: 'AQAB', e: 'AQAB' })],
    ['is on another curve', (jwk) => ({ ...jwk, crv: 'P-384' })],
    ['is no point of the curve', (jwk) => ({ ...jwk, y: jwk['x'] })],
    ['has no y', ({ y: _y, ...jwk }) => jwk],
  ])('a published key that %s verifies nothing, and breaks nothing', async (_name, change) => {
    const { registry, first, tokens, token } = await setup();
    registry.set(first.kid, { jwk: change({ ...first.publicJwk }) });
    expect(await tokens.verify(token)).toBeUndefined();
  });
  it('a token of another deployment with the same keys is refused', async () => {
    const { registry, first, tokens, clock } = await setup();
    registry.set(first.kid, { jwk: { ...first.publicJwk } });
    const { token } = await new TokenIssuer({ key: () => first, publicUrl: 'https://test.payer.example', clock }).issue(
      'c-1',
      'system/*.rs',
      1,
    );
    expect(await tokens.verify(token)).toBeUndefined();
  });
  it('without a key that may sign, there is no token: 503', async () => {
    await expect(
      new TokenIssuer({ key: () => undefined, publicUrl: 'https://payer.example', clock: new SettableClock() }).issue(
        'c',
        's',
        1,
      ),
    ).rejects.toMatchObject({ status: 503 });
  });
  it('several tokens of a role are accepted, of a fixed list too', () => {
    const tokens = new StaticTokens({ administrator: fixedSecret([A]), payer: [B, 'c'.repeat(40)] });
    expect([A, B, 'c'.repeat(40), 'd'.repeat(40)].map((t) => tokens.roleOf(t))).toEqual([
      'administrator',
      'payer',
      'payer',
      undefined,
    ]);
  });
});
