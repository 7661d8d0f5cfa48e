import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportSPKI } from 'jose';
import { Refusal } from '@provider-access/http';
import { clientFacts, encode, keyPair, newFolder, NOW, NOW_S, SettableClock, sign } from '../test/fixtures.ts';
import { AccessTokens, Authenticator, loadOrCreateToken, readGranted, requireScope, secretHash, secretMatches, SigningKeys, StaticTokens, type SmartContext } from './index.ts';

const PUBLIC_URL = 'https://payer.example';
let keys: SigningKeys;
beforeAll(async () => {
  keys = await SigningKeys.open(join(await newFolder(), 'keys', 'token-signing.json'), NOW);
});

function bench(history: Parameters<typeof clientFacts>[1] = [['pending', NOW - 9000], ['approved', NOW - 5000]]) {
  const clock = new SettableClock();
  const tokens = new AccessTokens({ keys, publicUrl: PUBLIC_URL, clock, capacity: 2 });
  const clients = new Map([['c-1', clientFacts('c-1', history)], ['c-2', clientFacts('c-2', [['approved', NOW - 5000]])]]);
  const authenticator = new Authenticator(tokens, { client: (id) => clients.get(id) });
  const call = async (token: string | undefined): Promise<SmartContext> => authenticator.authenticate({ headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  const refused = async (token: string | undefined): Promise<Refusal> => call(token).then(() => { throw new Error('was let in'); }, (e: unknown) => e as Refusal);
  return { clock, tokens, clients, call, refused };
}

describe('signing keys', () => {
  it('are created once with mode 0600, and two that start together read the same', async () => {
    const file = join(await newFolder(), 'keys', 'k.json');
    const [a, b] = await Promise.all([SigningKeys.open(file, NOW), SigningKeys.open(file, NOW)]);
    expect(a.current.kid).toBe(b.current.kid);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(file, '..'))).toEqual(['k.json']);
    expect((await SigningKeys.open(file, NOW + 1)).current.kid).toBe(a.current.kid);
  });
  it('publish no private member', () => {
    expect(keys.jwks().keys.map((k) => Object.keys(k).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
  });
  it('sign with the newest and verify with all', async () => {
    const folder = await newFolder();
    const old = join(folder, 'old.json'), both = join(folder, 'both.json');
    const first = await SigningKeys.open(old, NOW - 1000);
    await SigningKeys.open(both, NOW);
    const merged = { keys: [...JSON.parse(await readFile(old, 'utf8')).keys, ...JSON.parse(await readFile(both, 'utf8')).keys] };
    await writeFile(both, JSON.stringify(merged));
    const second = await SigningKeys.open(both, NOW);
    expect(second.current.kid).not.toBe(first.current.kid);
    const clock = new SettableClock();
    const { token } = await new AccessTokens({ keys: first, publicUrl: PUBLIC_URL, clock }).issue('c-1', 'system/*.rs');
    expect(await new AccessTokens({ keys: second, publicUrl: PUBLIC_URL, clock }).verify(token)).toMatchObject({ client: 'c-1' });
  });
  it.each(['', '{', '{}', '{"keys":[]}', '{"keys":[{"kid":"a","createdAt":"x","privateJwk":{"kty":"EC","crv":"P-256","x":"a","y":"b"}}]}'])('refuse the file %j', async (text) => {
    const file = join(await newFolder(), 'k.json');
    await writeFile(file, text);
    await expect(SigningKeys.open(file, NOW)).rejects.toThrow(/signing keys/);
  });
});

describe('access tokens', () => {
  it('let an approved client in, first by signature and then from memory', async () => {
    const { tokens, call } = bench();
    const { token, jti, expiresIn } = await tokens.issue('c-1', 'system/Patient.rs');
    expect(expiresIn).toBe(300);
    for (let i = 0; i < 2; i++) expect(await call(token)).toMatchObject({ client: 'c-1', jti, scopes: { text: 'system/Patient.rs' } });
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
    expect(await refused(token)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } });
  });
  it('die at once when the client is suspended, and stay dead when it is approved again', async () => {
    const { tokens, call, refused, clients, clock } = bench();
    const { token } = await tokens.issue('c-1', 'system/*.rs');
    await call(token);
    clients.set('c-1', clientFacts('c-1', [['approved', NOW - 5000], ['suspended', NOW + 1000]]));
    clock.pass(1000);
    await refused(token);
    clients.set('c-1', clientFacts('c-1', [['approved', NOW - 5000], ['suspended', NOW + 1000], ['approved', NOW + 60_000]]));
    clock.pass(59_000);
    await refused(token);
    await call((await tokens.issue('c-1', 'system/*.rs', NOW + 60_000)).token);
    clients.delete('c-1');
    await refused(token);
  });
  it('hold when the approving clock is ahead of the issuing one', async () => {
    const { tokens, call } = bench([['approved', NOW + 5000]]);
    await call((await tokens.issue('c-1', 'system/*.rs', NOW + 5000)).token);
  });
  it('forget the least recently used first', async () => {
    const { tokens } = bench();
    const [a, b, c] = await Promise.all([1, 2, 3].map(async () => (await tokens.issue('c-1', 'system/*.rs')).token)) as [string, string, string];
    await tokens.verify(a);
    await tokens.verify(b);
    await tokens.verify(a);
    await tokens.verify(c);
    expect([a, b, c].map((t) => tokens.cached(t) !== undefined)).toEqual([true, false, true]);
  });

  const good = { iss: PUBLIC_URL, sub: 'c-1', client_id: 'c-1', scope: 'system/*.rs', aud: `${PUBLIC_URL}/fhir`, iat: NOW_S, exp: NOW_S + 300, jti: 'x' };
  const ours = (payload: Record<string, unknown>, header: Record<string, unknown> = {}) => sign(keys.current.privateKey, { alg: 'ES256', kid: keys.current.kid, typ: 'at+jwt', ...header }, payload as never);
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
    ['without a scope', () => ours({ ...good, scope: undefined })],
    ['of an unknown client', () => ours({ ...good, sub: 'c-9', client_id: 'c-9' })],
    ['with alg none', () => Promise.resolve(encode({ alg: 'none', typ: 'at+jwt', kid: keys.current.kid }, good, ''))],
    ['with HS256 and the public key as the secret', async () => sign(Buffer.from(await exportSPKI(keys.verificationKey(keys.current.kid)!)), { alg: 'HS256', typ: 'at+jwt', kid: keys.current.kid }, good)],
    ['signed by another ES256 key', async () => sign((await keyPair('ES256', 'x')).privateKey, { alg: 'ES256', typ: 'at+jwt', kid: keys.current.kid }, good)],
    ['whose claims were changed', async () => { const [h, , s] = (await ours(good)).split('.'); return `${h}.${Buffer.from(JSON.stringify({ ...good, scope: 'system/*.cruds' })).toString('base64url')}.${s}`; }],
    ['that is no JWT', () => Promise.resolve('garbage')],
    ['that is empty', () => Promise.resolve('')],
    ['of 100,000 characters', () => Promise.resolve('a'.repeat(100_000))],
  ])('are refused %s', async (_name, make) => {
    expect(await bench().refused(await make())).toMatchObject({ kind: 'invalid-token', headers: { 'www-authenticate': 'Bearer error="invalid_token"' } });
  });
  it('are asked for without an error when there is none', async () => {
    expect(await bench().refused(undefined)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
  });
});

it('requireScope names the scope that is missing', () => {
  requireScope(readGranted('system/Patient.rs'), 'Patient', 'r');
  expect(() => { requireScope(readGranted('system/Patient.r system/Observation.rs?category=lab'), 'Patient', 's'); }).toThrow(/system\/Patient\.s/);
  expect(() => { requireScope(readGranted('system/Observation.rs?category=lab'), 'Observation', 'r'); }).toThrow(Refusal);
});

describe('static tokens', () => {
  it('are 256 random bits in a file of mode 0600, kept over a restart', async () => {
    const file = join(await newFolder(), 'administrator-token');
    const token = await loadOrCreateToken(file);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await loadOrCreateToken(file)).toBe(token);
    await chmod(file, 0o600);
    await writeFile(file, '');
    await expect(loadOrCreateToken(file)).rejects.toThrow(/less than 32/);
  });
  it('open what their role may do, and nothing else', () => {
    const tokens = new StaticTokens({ administrator: 'a'.repeat(43), payer: 'b'.repeat(43) });
    const as = (authorization: string) => ({ headers: { authorization } });
    expect(tokens.require(as(`Bearer ${'a'.repeat(43)}`), ['administrator'])).toBe('administrator');
    expect(tokens.require(as(`bearer ${'b'.repeat(43)}`), ['administrator', 'payer'])).toBe('payer');
    for (const bad of [`Bearer ${'b'.repeat(43)}`, 'Bearer ', 'Bearer a', `Basic ${'a'.repeat(43)}`, '']) expect(() => tokens.require(as(bad), ['administrator'])).toThrow(Refusal);
    expect(() => tokens.require({ headers: {} }, ['payer'])).toThrow(/payer token/);
  });
  it('compare by hash, whatever the length', () => {
    expect(secretMatches('a', secretHash('a'))).toBe(true);
    for (const other of ['', 'b', 'aa', 'a'.repeat(1000)]) expect(secretMatches(other, secretHash('a'))).toBe(false);
    expect(secretMatches('a', '')).toBe(false);
  });
});
