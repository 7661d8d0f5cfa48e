import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { ADMINISTRATOR, ADMINISTRATOR_2, type App, Bench, NPI, NPI_2, prepare } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());
const decisions = async (): Promise<string[]> =>
  (await bench.registry()).map((e) => e.type).filter((t) => t !== 'pa.signing-key-published.v1');

describe('reviewing', () => {
  it('approves with the bindings registered, once however often asked', async () => {
    const app = await bench.register();
    for (let i = 0; i < 2; i++) {
      const { status, body } = await bench.review(app, 'approve', await bench.approval(app, { reason: 'Contract 7.' }));
      expect({ status, body }).toMatchObject({
        status: 200,
        body: {
          client_id: app.id,
          status: 'approved',
          reason: 'Contract 7.',
          bound: { npi: [NPI], tin: ['123456789'] },
        },
      });
    }
    expect(await decisions()).toEqual(['pa.app-registered.v1', 'pa.app-approved.v1']);
  });
  it('binds what the reviewer names, with the evidence for each', async () => {
    const app = await bench.register();
    const identifiers = [
      { npi: NPI_2, evidence: 'NPPES and contract 7' },
      { tin: '98-7654321', evidence: 'W-9 of 2026' },
    ];
    expect((await bench.review(app, 'approve', { identifiers, scope: 'system/Patient.read' })).body).toMatchObject({
      bound: { npi: [NPI_2], tin: ['987654321'] },
      scope: 'system/Patient.read',
    });
    const [event] = (await bench.registry()).filter((e) => e.type === 'pa.app-approved.v1');
    expect(event!.data).toMatchObject({
      evidence: [
        { provider: `npi|${NPI_2}`, text: 'NPPES and contract 7' },
        { provider: 'tin|987654321', text: 'W-9 of 2026' },
      ],
    });
  });
  it('binds nothing that is not named', async () => {
    const app = await bench.register();
    for (const body of [undefined, {}, { reason: 'Contract 7.' }]) {
      expect(await bench.decide(app, 'approve', body)).toMatchObject({
        status: 400,
        body: { error_description: expect.stringMatching(/^identifiers: name each NPI and TIN/) },
      });
    }
    expect(await decisions()).toEqual([]);
    // A refused approval binds no identifier, so the app can still be rejected.
    expect((await bench.review(app, 'reject')).status).toBe(200);
  });
  it('approves a suspended app again as it was named before', async () => {
    const app = await bench.register();
    await bench.review(app, 'approve', { identifiers: [{ npi: NPI_2, evidence: 'Contract 7' }] });
    await bench.review(app, 'suspend');
    expect((await bench.decide(app, 'approve', { reason: 'Keys are new.' })).body).toMatchObject({
      status: 'approved',
      bound: { npi: [NPI_2] },
      identifiers: expect.arrayContaining([expect.objectContaining({ npi: NPI_2, evidence: 'Contract 7' })]),
    });
  });
  it('makes one decision of many that race', async () => {
    const app = await bench.register();
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => bench.review(app, 'approve')),
      ...Array.from({ length: 5 }, () => bench.review(app, 'reject')),
    ]);
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([200, 409]));
    const made = await decisions();
    const { status } = (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
    expect({ made, status }).toEqual(
      made.length === 1
        ? { made: ['pa.app-rejected.v1'], status: 'rejected' }
        : { made: ['pa.app-registered.v1', 'pa.app-approved.v1'], status: 'approved' },
    );
  });
  it('refuses what cannot be, with a sentence', async () => {
    const app = await bench.register();
    expect(await bench.review(app, 'suspend')).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(/is submitted and cannot become suspended/) },
    });
    await bench.review(app, 'reject');
    expect(await bench.review(app, 'approve')).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(/final/) },
    });
    expect((await bench.review('c-none', 'approve')).status).toBe(404);
  });
  it.each<[string, 'approve' | 'reject', unknown, RegExp]>([
    ['no reason', 'reject', {}, /^reason/],
    ['a free text', 'reject', { reason: 'because I say so' }, /^reason: must be one of key-compromised, key-not-/],
    ['a reason of a binding', 'reject', { reason: 'contract-ended' }, /^reason: must be one of key-compromised/],
    ['a neutral reason', 'reject', { reason: 'duplicate' }, /^reason: must be one of key-compromised/],
    ['an empty note', 'reject', { reason: 'false-statement', note: ' ' }, /^note: must not be empty/],
    ['a long note', 'reject', { reason: 'false-statement', note: 'x'.repeat(501) }, /^note: is longer/],
    ['a list', 'reject', [], /^body/],
    ['an unknown member', 'approve', { npi: [NPI] }, /npi/],
    ['a bad NPI', 'approve', { identifiers: [{ npi: '1', evidence: 'x' }] }, /^identifiers.0.npi/],
    ['no evidence', 'approve', { identifiers: [{ npi: NPI }] }, /^identifiers.0.evidence/],
    ['empty evidence', 'approve', { identifiers: [{ npi: NPI, evidence: ' ' }] }, /^identifiers.0.evidence/],
    ['no identifier', 'approve', { identifiers: [{ evidence: 'x' }] }, /^identifiers.0: give exactly one/],
    [
      'two identifiers in one',
      'approve',
      { identifiers: [{ npi: NPI, tin: '123456789', evidence: 'x' }] },
      /^identifiers.0: give exactly one/,
    ],
    ['an empty list', 'approve', { identifiers: [] }, /^identifiers: must name/],
    [
      'a note with a control character',
      'reject',
      { reason: 'false-statement', note: 'a\u009b2Jb' },
      /^note: holds control/,
    ],
    ['the lists of before', 'approve', { npis: [NPI] }, /^npis: is no longer accepted.*identifiers/],
    [
      'a scope not registered',
      'approve',
      { identifiers: [{ npi: NPI, evidence: 'x' }], scope: 'system/Patient.c' },
      /^scope/,
    ],
  ])('refuses %s', async (_name, verb, json, text) => {
    const app = await bench.register();
    const { status, body } = await bench.review(app, verb, json);
    expect({ status, text: body['error_description'] }).toEqual({ status: 400, text: expect.stringMatching(text) });
  });
  it("is the administrator's", async () => {
    const app = await bench.approved();
    const access = (await bench.token(app)).body['access_token'] as string;
    for (const token of [undefined, 'p'.repeat(43), app.token, access]) {
      for (const [method, url] of [
        ['GET', '/auth/clients'],
        ['GET', `/auth/clients/${app.id}`],
        ['POST', `/auth/clients/${app.id}/suspend`],
      ] as const) {
        expect(
          (
            await bench.call(method, url, {
              ...(token !== undefined && { token }),
              ...(method === 'POST' && { json: { reason: 'x' } }),
            })
          ).status,
        ).toBe(401);
      }
    }
  });
});

describe('listing', () => {
  it('pages through apps by status', async () => {
    const apps = [];
    for (let i = 0; i < 5; i++) apps.push((await bench.register()).id);
    for (const i of [0, 2, 4]) await bench.review(apps[i]!, 'approve');
    const seen: string[] = [];
    let url: string | undefined = '/auth/clients?status=approved&_count=2';
    for (let pages = 1; url !== undefined; pages++) {
      const { body } = await bench.call('GET', url, { token: ADMINISTRATOR });
      seen.push(...(body['clients'] as { client_id: string }[]).map((c) => c.client_id));
      url = body['next'] === undefined ? undefined : (body['next'] as string).replace('https://payer.example', '');
      expect(pages).toBeLessThan(4);
    }
    expect(seen).toEqual([apps[0], apps[2], apps[4]]);
  });
  it.each([
    'status=none',
    '_count=0',
    '_count=x',
    'after=c-none',
    'status=submitted&status=approved',
    'status=pending',
  ])('refuses %s', async (query) => {
    expect((await bench.call('GET', `/auth/clients?${query}`, { token: ADMINISTRATOR })).status).toBe(400);
  });
  it('shows an app with its history, never with its secret', async () => {
    const app = await bench.register();
    await bench.review(app, 'approve');
    await bench.review(app, 'suspend', { reason: 'key-compromised', note: 'Keys lost.' });
    const { body } = await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR });
    expect(body).toMatchObject({
      status: 'suspended',
      reason: 'key-compromised',
      note: 'Keys lost.',
      history: [
        { status: 'submitted' },
        { status: 'in-review' },
        { status: 'approved' },
        { status: 'suspended', reason: 'key-compromised', note: 'Keys lost.' },
      ],
    });
    // By names, because four letters may also occur in a random id or key.
    const names: string[] = [];
    JSON.stringify(body, (name, value: unknown) => (names.push(name), value));
    expect(names.filter((name) => /hash|secret/i.test(name))).toEqual([]);
    expect(JSON.stringify(body)).not.toContain(app.token);
    expect((await bench.call('GET', '/auth/clients/c-none', { token: ADMINISTRATOR })).status).toBe(404);
  });
});

describe('an identifier as a reviewer sees it', () => {
  const show = async (app: App) => (await bench.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body;
  const identifierOf = async (app: App, npi = NPI) =>
    ((await show(app))['identifiers'] as { npi?: string }[]).find((i) => i.npi === npi);

  it('whose it is by the directory, its network status, and every other client that has it', async () => {
    await bench.inDirectory({
      resourceType: 'Organization',
      id: 'o1',
      name: 'Riverside Clinic',
      identifier: [
        { system: 'http://hl7.org/fhir/sid/us-npi', value: NPI },
        { system: 'urn:oid:2.16.840.1.113883.4.4', value: '12-3456789' },
      ],
    });
    await bench.inDirectory({
      resourceType: 'Practitioner',
      id: 'p1',
      name: [{ given: ['Ada'], family: 'Lovelace\u202e' }],
      identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: NPI_2 }],
    });
    const first = await bench.approved({ client_name: 'The first' });
    const app = await bench.register({ npi: [NPI, NPI_2] });
    expect((await show(app))['identifiers']).toEqual([
      {
        npi: NPI,
        claimed: true,
        bound: false,
        directory: [{ resource: 'Organization/o1', name: 'Riverside Clinic' }],
        network: 'in-network',
        bound_to: [{ client_id: first.id, client_name: 'The first', status: 'approved' }],
      },
      {
        npi: NPI_2,
        claimed: true,
        bound: false,
        directory: [{ resource: 'Practitioner/p1', name: 'Ada Lovelace' }],
        network: 'unknown',
        bound_to: [],
      },
      {
        tin: '123456789',
        claimed: true,
        bound: false,
        directory: [{ resource: 'Organization/o1', name: 'Riverside Clinic' }],
        network: 'unknown',
        bound_to: [{ client_id: first.id, client_name: 'The first', status: 'approved' }],
      },
    ]);
    await bench.inDirectory({ resourceType: 'Organization', id: 'o1', name: 'Riverside Clinic', identifier: [] }, 2);
    expect(await identifierOf(app)).toMatchObject({ directory: [] });
  });
  it('names apps whose names look the same, also a suspended one, and no app that nobody approved (N11)', async () => {
    const known = await bench.approved({ client_name: 'Elm Street' });
    await bench.review(known, 'suspend');
    await bench.approved({ client_name: 'Elm Street North' });
    await bench.register({ client_name: 'Elm Street' });
    const copy = await bench.register({ client_name: 'ElM\u3000StreEt' });
    expect((await show(copy))['named_alike']).toEqual([
      { client_id: known.id, client_name: 'Elm Street', status: 'suspended' },
    ]);
    expect((await show(known))['named_alike']).toEqual([]);
  });
  it('names the codes that each decision may have, so that a page can offer them (P31, P32)', async () => {
    const choices = (await show(await bench.register()))['reasons'] as Record<string, { code: string; text: string }[]>;
    const codes = Object.fromEntries(Object.entries(choices).map(([kind, all]) => [kind, all.map(({ code }) => code)]));
    expect(Object.keys(codes)).toEqual(['reject', 'suspend', 'revoke', 'end']);
    expect(codes['reject']).toContain('key-compromised');
    expect(codes['reject']).not.toContain('requested-by-app');
    expect(codes['suspend']).toEqual(codes['reject']);
    expect(codes['revoke']).toEqual([...codes['reject']!, 'requested-by-app']);
    expect(codes['end']).toEqual(expect.arrayContaining(['contract-ended', 'requested-by-app', 'duplicate']));
    expect(codes['end']).not.toContain('key-compromised');
    for (const { text } of Object.values(choices).flat()) expect(text).toMatch(/^[A-Z].*\.$/);
  });
  it('goes on without the directory while it cannot be asked', async () => {
    const app = await bench.register();
    bench.ports.views.reader = (() => ({ find: () => Promise.reject(new EngineUnavailable('away')) })) as never;
    expect(await identifierOf(app)).toEqual({
      npi: NPI,
      claimed: true,
      bound: false,
      network: 'unknown',
      bound_to: [],
    });
  });
  it('needs an explicit word for an identifier that another approved client has', async () => {
    const [first, second] = [await bench.approved(), await bench.register()];
    const identifiers = [{ npi: NPI, evidence: 'Contract 7' }];
    expect(await bench.decide(second, 'approve', { identifiers })).toMatchObject({
      status: 409,
      body: { error_description: expect.stringMatching(new RegExp(`${first.id} has npi ${NPI}.*sharedWith`)) },
    });
    expect(await bench.decide(second, 'approve', { identifiers, sharedWith: ['c-other'] })).toMatchObject({
      status: 409,
    });
    expect(await decisions()).toEqual(['pa.app-registered.v1', 'pa.app-approved.v1']);
    expect(await bench.decide(second, 'approve', { identifiers, sharedWith: [first.id] })).toMatchObject({
      status: 200,
    });
    expect(
      (await bench.registry()).find((e) => e.type === 'pa.app-approved.v1' && e.data.client === second.id)!.data,
    ).toMatchObject({ sharedWith: [first.id] });
    // A suspended client may be approved again, so the review shows it. Its own approval must name the other client.
    await bench.review(first, 'suspend');
    expect(await identifierOf(second)).toMatchObject({ bound_to: [{ client_id: first.id, status: 'suspended' }] });
    expect((await bench.decide(first, 'approve', { reason: 'It was an error.' })).status).toBe(409);
    expect((await bench.decide(first, 'approve', { reason: 'It was an error.', sharedWith: [second.id] })).status).toBe(
      200,
    );
  });
  it('makes one of two approvals for one identifier that race need the word', async () => {
    const apps = [await bench.register(), await bench.register()];
    const answers = await Promise.all(
      apps.map((app) => bench.decide(app, 'approve', { identifiers: [{ npi: NPI, evidence: 'Contract 7' }] })),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([200, 409]);
  });
  it('names the reviewer who decided, as far as tokens distinguish reviewers', async () => {
    const app = await bench.register();
    await bench.review(app, 'approve');
    await bench.call('POST', `/auth/clients/${app.id}/suspend`, {
      json: { reason: 'key-compromised' },
      token: ADMINISTRATOR_2,
    });
    const mark = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 8);
    expect((await show(app))['history']).toMatchObject([
      { status: 'submitted' },
      { status: 'in-review', by: `administrator ${mark(ADMINISTRATOR)}` },
      { status: 'approved', by: `administrator ${mark(ADMINISTRATOR)}` },
      { status: 'suspended', by: `administrator ${mark(ADMINISTRATOR_2)}` },
    ]);
    expect(JSON.stringify(await show(app))).not.toContain(ADMINISTRATOR_2);
  });
});

describe('acknowledging', () => {
  it('is 503 while a reader does not follow; the decision stands and repeating is safe', async () => {
    let follows = false;
    const slow = await Bench.start({ readers: [{ waitFor: () => Promise.resolve(follows) }] });
    // A registration does not wait for readers, because no other service reads it before its approval.
    const app = await slow.register();
    expect(await slow.review(app, 'approve')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { error: 'temporarily_unavailable' },
    });
    follows = true;
    expect(await slow.review(app, 'approve')).toMatchObject({ status: 200, body: { status: 'approved' } });
    expect((await slow.registry()).filter((e) => e.type === 'pa.app-approved.v1').length).toBe(1);
    await slow.stop();
  });
  it('publishes our public key once, whatever restarts', async () => {
    const { log } = bench;
    const second = await Bench.start({ log });
    const keys = (await second.registry()).filter((e) => e.type === 'pa.signing-key-published.v1');
    expect(new Set(keys.map((k) => k.data.kid)).size).toBe(1);
    expect(JSON.stringify(keys)).not.toMatch(/"d":/);
    await second.stop();
  });
});
