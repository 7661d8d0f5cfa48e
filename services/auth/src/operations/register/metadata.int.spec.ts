import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ADMINISTRATOR,
  type Answer,
  Bench,
  type BenchOptions,
  NPI,
  NPI_2,
  prepare,
  publicJwk,
} from '../../../test/harness.ts';
import { authSettings } from '../../config.ts';
import { REQUIRABLE } from '../../domain/known-metadata.ts';

let bench: Bench;
beforeAll(() => prepare());
afterEach(() => bench.stop());
const open = async (config: BenchOptions['config'] = {}): Promise<void> => {
  bench = await Bench.start({ config });
};
const register = (over: Record<string, unknown>): Promise<Answer> =>
  bench.call('POST', '/auth/register', { json: bench.metadata(over) });
const faultOf = ({ status, body }: Answer): unknown => [status, body['error'], body['error_description']];

/** P40: what an organization and an app may say of themselves. */
const OURS = {
  legal_name: 'Clinic of the North, Inc.',
  rendering_npi: [NPI_2],
  lines_of_business: ['MA', 'QHP'],
  contract_ids: ['H1234-001'],
  ehr_vendor: 'Example EHR 7',
  software_id: 'a7a9bc9c-4f7b-4a5c-8f0e-1d6f8f1f5d02',
  purpose: 'Treatment of attributed patients',
  environment: 'production',
  security_contacts: ['security@app.example'],
  operations_contacts: ['mailto:ops@app.example'],
  attestation: { version: '2026-10', date: '2026-11-30', terms: 'https://payer.example/terms' },
};
/** Of RFC 7591 section 2, and of IANA's registry. */
const OTHERS = {
  client_uri: 'https://app.example',
  'client_name#fr': 'Une application',
  logo_uri: 'https://app.example/logo.png',
  tos_uri: 'https://app.example/terms',
  policy_uri: 'https://app.example/policy',
  software_version: '7.1',
  redirect_uris: ['https://app.example/callback'],
  response_types: ['none'],
  application_type: 'web',
  token_endpoint_auth_signing_alg: 'ES384',
  default_max_age: 300,
  require_auth_time: false,
  request_uris: ['https://app.example/request'],
};

describe('the data of a registration', () => {
  it('P20, P40, P42, P43: keeps and returns what a table knows, before and after the approval', async () => {
    await open();
    const { status, body } = await register({ ...OURS, ...OTHERS });
    expect([status, body]).toEqual([201, expect.objectContaining({ ...OURS, ...OTHERS, npi: [NPI] })]);
    const id = body['client_id'] as string;
    const read = (): Promise<Answer> =>
      bench.call('GET', `/auth/register/${id}`, { token: body['registration_access_token'] as string });
    expect((await read()).body).toMatchObject({ ...OURS, ...OTHERS, npi: [NPI] });
    await bench.review(id, 'approve');
    expect((await read()).body).toMatchObject({ ...OURS, ...OTHERS, npi: [NPI], status: 'approved' });
    expect((await bench.appEvents())[0]!.data).toMatchObject({ metadata: { legal_name: OURS.legal_name } });
  });

  it('P43: keeps a script in texts as data, in JSON that no browser takes for a page', async () => {
    await open();
    const script = '<script>alert(1)</script>"\'--; {"$where": 1}';
    const { status, body, headers } = await register({ client_name: `Clinic ${script}`, legal_name: script });
    expect([status, body['client_name'], body['legal_name']]).toEqual([201, `Clinic ${script}`, script]);
    const shown = await bench.call('GET', `/auth/clients/${body['client_id'] as string}`, { token: ADMINISTRATOR });
    expect(shown.body).toMatchObject({ client_name: `Clinic ${script}`, legal_name: script });
    for (const each of [headers, shown.headers]) expect(each['content-type']).toMatch(/^application\/json/);
  });

  it('P42: leaves a registration of today as it is', async () => {
    await open();
    const { body } = await register({});
    expect(Object.keys(body)).not.toContain('metadata');
    await bench.review(body['client_id'] as string, 'approve');
    expect((await bench.appEvents())[0]!.data).not.toHaveProperty('metadata');
  });

  it('P41: a rendering NPI is enough, and a reviewer binds it', async () => {
    await open();
    const { status, body } = await register({ npi: undefined, tin: undefined, rendering_npi: NPI_2 });
    expect([status, body['npi'], body['rendering_npi']]).toEqual([201, [], [NPI_2]]);
    expect((await bench.review(body['client_id'] as string, 'approve')).status).toBe(200);
    expect((await register({ npi: undefined, tin: undefined })).status).toBe(400);
  });

  it.each([
    ['a field that no table has', { favourite_colour: 'secret-value' }, 'favourite_colour'],
    ['another case of a known name', { Client_uri: 'https://app.example' }, 'Client_uri'],
    ['a name that cannot be printed', { 'a\u0007b': 1 }, '(unprintable)'],
    ['a language of a field that nobody reads', { 'npi#fr': 'x' }, 'npi#fr'],
    ['a name of the prototype', JSON.parse('{"__proto__x": 1, "constructor": 1}'), 'constructor'],
  ] as const)('P42: refuses %s by its name', async (_name, over, name) => {
    await open();
    const refused = await register(over as Record<string, unknown>);
    expect(faultOf(refused)).toEqual([400, 'invalid_client_metadata', expect.stringContaining(name)]);
    expect(JSON.stringify(refused.body)).not.toContain('secret-value');
  });

  it('P42: with REGISTER_UNKNOWN=ignore leaves such fields out, and lists them', async () => {
    await open({ unknownMetadata: 'ignore' });
    const { status, body } = await register({ favourite_colour: 'blue', legal_name: 'Clinic', 'a\u0007b': 1 });
    expect([status, body['legal_name'], body['favourite_colour'], body['ignored']]).toEqual([
      201,
      'Clinic',
      undefined,
      ['favourite_colour', '(unprintable)'],
    ]);
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x${i}`, i]));
    expect((await register(many)).body['ignored']).toHaveLength(50);
  });

  it.each([
    ['legal_name', 5],
    ['legal_name', ''],
    ['legal_name', 'x'.repeat(501)],
    ['legal_name', 'a\u202eb'],
    ['rendering_npi', ['1234567890']],
    ['lines_of_business', ['x'.repeat(501)]],
    ['contract_ids', Array.from({ length: 51 }, (_, i) => `H${i}`)],
    ['environment', 'moon'],
    ['security_contacts', ['nobody']],
    ['attestation', 'yes'],
    ['attestation', { version: '1', date: '2026-02-30' }],
    ['attestation', { version: '1', date: '2026-02-03', more: 1 }],
    ['attestation', { date: '2026-02-03' }],
    ['client_uri', 'javascript:alert(1)'],
    ['logo_uri', 'data:image/png;base64,AAAA'],
    ['redirect_uris', 'https://app.example'],
    ['require_auth_time', 'no'],
    ['default_max_age', -1],
    ['software_statement', 'x'.repeat(20_001)],
    ['client_secret', 'mine'],
    ['registration_access_token', 'mine'],
  ])('P40, P42: refuses a wrong %s (row %#)', async (name, value) => {
    await open();
    const text = JSON.stringify((await register({ [name]: value })).body);
    expect([text.includes(name), text.includes('invalid_client_metadata')]).toEqual([true, true]);
  });

  it('P42: bounds all of it together', async () => {
    await open();
    const texts = Array.from({ length: 45 }, () => 'x'.repeat(490));
    const refused = await register({ lines_of_business: texts, contract_ids: texts, request_uris: [] });
    expect(faultOf(refused)).toEqual([400, 'invalid_client_metadata', expect.stringContaining('more than')]);
  });
});

describe('REGISTRATION_REQUIRES', () => {
  it('P20, P40: asks for what it names, and for nothing by default', async () => {
    await open({ registrationRequires: [...REQUIRABLE] });
    const { body } = await register({});
    for (const name of REQUIRABLE) expect(body['error_description']).toContain(`${name}: is required`);
    expect((await register(OURS)).status).toBe(201);
    const { attestation: _left, ...others } = OURS;
    expect(faultOf(await register(others))).toEqual([
      400,
      'invalid_client_metadata',
      expect.stringMatching(/^attestation: is required/),
    ]);
  });

  it('P40: has the entries of its table, and refuses another one by its name at the start', () => {
    const read = (text: string) =>
      authSettings.safeParse({ PUBLIC_URL: 'https://a.example', REGISTRATION_REQUIRES: text });
    expect(read('legal_name, attestation').data?.REGISTRATION_REQUIRES).toEqual(['legal_name', 'attestation']);
    expect(read(REQUIRABLE.join(',')).success).toBe(true);
    const wrong = read('legal_name,shoe_size');
    expect(wrong.success).toBe(false);
    expect(wrong.error?.issues[0]?.message).toContain('shoe_size');
    expect(authSettings.parse({ PUBLIC_URL: 'https://a.example' }).REGISTRATION_REQUIRES).toEqual([]);
    expect(authSettings.safeParse({ PUBLIC_URL: 'https://a.example', REGISTER_UNKNOWN: 'maybe' }).success).toBe(false);
  });

  beforeAll(async () => {
    bench = await Bench.start();
  });
});

describe('the keys of a registration', () => {
  const keys = (...all: readonly object[]) => ({ jwks: { keys: all } });
  it('P45: those of another app are refused, whoever has them, without its name', async () => {
    await open();
    const one = await bench.register({ client_name: 'The first app' });
    for (const verb of ['approve', 'suspend'] as const) {
      const refused = await register({ ...keys({ ...publicJwk, kid: 'another' }) });
      expect(faultOf(refused)).toEqual([400, 'invalid_client_metadata', expect.stringMatching(/^jwks: has a key of/)]);
      expect(JSON.stringify(refused.body)).not.toMatch(new RegExp(`${one.id}|first`));
      expect((await bench.review(one, verb)).status).toBe(200);
    }
    expect((await register({ ...keys(publicJwk) })).status).toBe(400);
  });

  it('P46: a set with a private key, without a usable one, or with too many is refused', async () => {
    await open();
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const leaked = { ...pair.privateKey.export({ format: 'jwk' }), kid: 'leaked' };
    const weak = {
      ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
      kid: 'w',
    };
    const many = Array.from({ length: 101 }, (_, i) => ({ ...publicJwk, kid: `k${i}` }));
    // RFC 7518, 6.3.2: what a private RSA key may have without "d" gives it away, too.
    const parts = ['p', 'q', 'dp', 'dq', 'qi', 'oth'].map(
      (name) => [keys({ ...publicJwk, [name]: 'AQAB' }), new RegExp(`secret parameter "${name}"`)] as const,
    );
    for (const [jwks, fault] of [
      ...parts,
      [keys(publicJwk, leaked), /secret parameter "d"/],
      [keys({ kty: 'oct', k: 'c2VjcmV0', kid: 's' }), /secret parameter "k"/],
      [keys(), /needs at least one key/],
      [keys(weak), /crv other than P-384/],
      [keys(...many), /more than 20 keys/],
    ] as const) {
      const refused = await register(jwks);
      expect(faultOf(refused)).toEqual([400, 'invalid_client_metadata', expect.stringMatching(fault)]);
      expect(JSON.stringify(refused.body)).not.toContain(leaked.d);
    }
  });
});
