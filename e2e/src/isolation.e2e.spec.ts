import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientAssertion, eventually, exchange, form } from '@provider-access/testing';
import type { Manifest, PlatformProcess } from '@provider-access/cli';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { byMembers } from './payers.ts';
import {
  findGroup,
  http,
  json,
  kickOff,
  payerEvent,
  publishAll,
  sealed,
  texts,
  type HttpAnswer,
  type HttpCall,
} from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

const reply = ({ status, headers, body }: HttpAnswer): unknown => ({
  status,
  headers: { ...headers, date: undefined },
  body: body.toString('utf8'),
});

describe('one client and another', () => {
  const payer = sharedPayer();
  const [mine, theirs] = [byMembers(payer)[0]!, byMembers(payer)[1]!];
  const onlyTheirs = theirs.visible.find((m) => !mine.visible.some((v) => v.member === m.member))!.member;
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let other: TestApp;
  let token: string;
  let otherToken: string;
  let otherGroup: string;
  let otherStatus: string;
  let otherManifest: Manifest;

  const at = (path: string): string => (path.startsWith('http') ? path : `${platform.base}${path}`);
  const ask = (path: string, call: HttpCall = {}): Promise<HttpAnswer> => http(at(path), { token, ...call });

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Mine', npi: mine.npi, tin: mine.tin });
    other = await registerApp(platform, { name: 'Theirs', npi: theirs.npi, tin: theirs.tin });
    token = await app.tokens.get();
    otherToken = await other.tokens.get();
    otherGroup = (await findGroup(platform, otherToken, theirs.npi)).id;
    otherStatus = await kickOff(platform, otherToken, otherGroup);
    otherManifest = await sealed(otherStatus, otherToken);
  });
  afterAll(() => fresh?.dispose());

  test("another client's Group, export, status, file and members look like unknown ones, to the byte", async () => {
    const unknown = 'a'.repeat(26);
    const [job, member] = [new URL(otherStatus).pathname.split('/').at(-1)!, onlyTheirs];
    const file = new URL(otherManifest.output[0]!.url).pathname;
    const async = { accept: 'application/fhir+json', prefer: 'respond-async' };
    const pairs: readonly (readonly [theirs: string, nobodys: string, call?: HttpCall])[] = [
      [`/fhir/Group/${otherGroup}`, `/fhir/Group/${unknown}`],
      [`/fhir/Group/${otherGroup}/$export`, `/fhir/Group/${unknown}/$export`, { headers: async }],
      [
        `/fhir/Group/${otherGroup}/$davinci-data-export`,
        `/fhir/Group/${unknown}/$davinci-data-export`,
        { headers: async },
      ],
      [`/fhir/bulk/${job}`, `/fhir/bulk/${unknown}`],
      [`/fhir/bulk/${job}`, `/fhir/bulk/${unknown}`, { method: 'DELETE' }],
      [file, file.replace(job, unknown)],
      [file, file.replace(job, unknown), { method: 'HEAD' }],
      [file, file.replace(job, unknown), { headers: { range: 'bytes=0-9', 'accept-encoding': 'gzip' } }],
      [`/fhir/Patient/${member}`, '/fhir/Patient/m-999999'],
      [`/fhir/Patient/${member}`, '/fhir/Patient/m-999999', { headers: { 'if-none-match': '*' } }],
      [`/fhir/Patient/${member}/_history`, '/fhir/Patient/m-999999/_history'],
      [`/fhir/Patient/${member}/_history/1`, '/fhir/Patient/m-999999/_history/1'],
      [`/fhir/Condition?patient=${member}`, '/fhir/Condition?patient=m-999999'],
      [`/fhir/Patient?_id=${member}`, '/fhir/Patient?_id=m-999999'],
      [`/fhir/Patient?identifier=${member}`, '/fhir/Patient?identifier=m-999999'],
      [`/fhir/Patient?identifier=${member}&_summary=count`, '/fhir/Patient?identifier=m-999999&_summary=count'],
      [
        `/fhir/Condition?patient=${member}&code:not=x&_sort=-recorded-date&_total=accurate`,
        '/fhir/Condition?patient=m-999999&code:not=x&_sort=-recorded-date&_total=accurate',
      ],
      [
        `/fhir/ExplanationOfBenefit?patient=${member}&_include=ExplanationOfBenefit:*&_revinclude=Provenance:target`,
        '/fhir/ExplanationOfBenefit?patient=m-999999&_include=ExplanationOfBenefit:*&_revinclude=Provenance:target',
      ],
      [`/fhir/bulk?client=${other.clientId}`, `/fhir/bulk?client=${unknown}`],
      [`/fhir/Group?_id=${otherGroup}`, `/fhir/Group?_id=${unknown}`],
      [`/fhir/Group?identifier=${theirs.npi}`, '/fhir/Group?identifier=1999999984'],
    ];
    const refusals = new Set<string>();
    for (const [one, nobodys, call] of pairs) {
      const [a, b] = [await ask(one, call), await ask(nobodys, call)];
      // A search answer has its own URL, so only what the client itself wrote may differ.
      const same = (answer: HttpAnswer, names: readonly string[]): unknown => ({
        ...(reply(answer) as object),
        headers: { ...answer.headers, date: undefined, 'content-length': undefined },
        body: names.reduce((text, name) => text.replaceAll(name, '*'), answer.body.toString()),
      });
      expect(same(a, [member, otherGroup, theirs.npi]), one).toEqual(same(b, ['m-999999', unknown, '1999999984']));
      if (!one.includes('?')) expect(a.status, one).toBe(404);
      if (a.status === 404 && !one.startsWith('/fhir/bulk/')) refusals.add(a.body.toString());
      if (a.status === 404) expect(reply(a), one).toEqual(reply(b));
      else if (one.startsWith('/fhir/bulk?')) expect(json(a), one).toEqual({ total: 0, exports: [] });
      else expect(json<{ entry?: unknown[] }>(a).entry ?? [], one).toEqual([]);
    }
    // A read of a Group, its exports and a read of a resource, which three services answer, give one 404.
    expect([...refusals]).toHaveLength(1);
    // None of it touched the other client's data.
    expect((await http(otherStatus, { token: otherToken })).status).toBe(200);
    expect(json(await http(at('/fhir/bulk'), { token: otherToken }))).toMatchObject({
      total: 1,
      exports: [{ id: job, url: otherStatus, group: otherGroup, state: 'complete' }],
    });
    expect(
      json<{ entry?: { resource: { id: string } }[] }>(await ask('/fhir/Group')).entry?.map((e) => e.resource.id),
    ).not.toContain(otherGroup);
  });

  test("an app lists its own refusals, and no parameter shows it another's", async () => {
    for (const id of [onlyTheirs, 'nobodys']) expect((await ask(`/fhir/Patient/${id}`)).status).toBe(404);
    // A history: the audit has one refusal a minute for each action and reason, and another test refuses searches.
    expect((await ask('/fhir/Location/any/_history?bogus=1')).status).toBe(400);
    const list = await eventually(async () => {
      const answer = json<{ refusals: { type?: string }[] }>(await ask('/refusals'));
      return answer.refusals.some(({ type }) => type === 'Location') && answer;
    });
    for (const name of [onlyTheirs, other.clientId, otherGroup]) expect(JSON.stringify(list)).not.toContain(name);
    for (const query of ['', `?client=${app.clientId}`, `?client_id=${app.clientId}`, `?app=${app.clientId}`])
      expect((await ask(`/refusals${query}`, { token: otherToken })).body.toString(), query).not.toContain('Location');
  });

  test('a resource that its labels withhold looks like one that never was, and explain counts it', async () => {
    const { member } = mine.visible[0]!;
    const label = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
    const [system, code] = label.split('|');
    const condition = (id: string, extra: object = {}) => ({
      ...{ resourceType: 'Condition', id, ...extra, subject: { reference: `Patient/${member}` } },
      code: { text: 'a condition' },
      clinicalStatus: { coding: [{ code: 'active' }] },
      recordedDate: '2025-06-01',
    });
    const meta = { security: [{ system, code }] };
    const contained = [{ resourceType: 'Organization', id: 'o', name: 'Clinic', meta }];
    const url = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
    const reference = 'Organization/payer';
    // Redaction reads claims by an allow-list.
    const claim = {
      ...{ resourceType: 'ExplanationOfBenefit', id: 'labels-claim', status: 'active', use: 'claim' },
      ...{ outcome: 'complete', type: { text: 'claim' }, patient: { reference: `Patient/${member}` } },
      ...{ created: '2025-06-01', insurer: { reference }, provider: { reference } },
      insurance: [{ focal: true, coverage: { reference: 'Coverage/none' } }],
      diagnosis: [
        { sequence: 1, diagnosisCodeableConcept: { extension: [{ url, valueCoding: { system, code } }], text: 'x' } },
      ],
    };
    const origin = {
      ...{ resourceType: 'Provenance', id: 'labels-origin', recorded: '2025-06-01T00:00:00Z' },
      target: ['labels-open', 'labels-hidden'].map((of) => ({
        reference: `Condition/${of}`,
        display: 'HIV infection',
      })),
      agent: [{ who: { display: 'County clinic' } }],
    };
    const sent = [
      condition('labels-open'),
      condition('labels-hidden', { meta }),
      claim,
      origin,
      condition('labels-inside', { contained, recorder: { reference: '#o' } }),
    ];
    await publishAll(
      platform,
      [...sent].reverse().map((resource) => payerEvent('payer.resource-recorded.v1', member, { resource })),
    );
    await eventually(async () => (await ask('/fhir/Condition/labels-open')).status === 200);
    for (const id of ['labels-hidden', 'labels-inside'])
      for (const of of ['', '/_history', '/_history/1'])
        expect(reply(await ask(`/fhir/Condition/${id}${of}`))).toEqual(
          reply(await ask(`/fhir/Condition/nobodys${of}`)),
        );
    for (const { resourceType, id } of [claim, origin]) {
      expect(reply(await ask(`/fhir/${resourceType}/${id}`))).toEqual(
        reply(await ask(`/fhir/${resourceType}/nobodys`)),
      );
      expect(json(await ask(`/fhir/${resourceType}?_id=${id}`))).toMatchObject({ total: 0 });
    }
    const about = await ask('/fhir/Condition?_id=labels-open&_revinclude=Provenance:target');
    expect([about.status, about.body.toString()]).toEqual([200, expect.not.stringContaining(origin.id)]);
    const found = json<{ total: number; entry: { resource: { id: string } }[] }>(
      await ask('/fhir/Condition?_id=labels-open,labels-hidden,labels-inside&_total=accurate'),
    );
    expect([found.total, found.entry.map(({ resource }) => resource.id)]).toEqual([1, ['labels-open']]);
    const { id } = await findGroup(platform, token, mine.npi);
    const status = await kickOff(platform, token, id, '?_type=Condition,ExplanationOfBenefit,Provenance');
    const files = [...(await texts(await sealed(status, token), token)).values()].join('');
    expect(files.match(/"id":"labels-[a-z]+"/g)).toEqual(['"id":"labels-open"']);
    const explained = await http(at(`/ops/explain?client=${app.clientId}&member=${member}`), {
      token: platform.administratorToken,
    });
    expect(json(explained)).toMatchObject({ withheld: { resources: 4, labels: { [label]: 4 } } });
    // Other scenarios compare this member with the ledger.
    await publishAll(
      platform,
      sent.map(({ resourceType, id: gone }) =>
        payerEvent('payer.resource-deleted.v1', member, { resourceType, id: gone }),
      ),
    );
    await eventually(async () => (await ask('/fhir/Condition/labels-open')).status !== 200);
  });

  test('what a Group refers to can be read by the client that reads the Group', async () => {
    const own = { resourceType: 'Organization', id: 'payer', active: true, name: 'Northfield Health Plan' };
    await publishAll(platform, [payerEvent('payer.provider-recorded.v1', own.id, { resource: own })]);
    const { id } = await findGroup(platform, token, mine.npi);
    const posted = await ask('/fhir/Group/_search', form({ identifier: mine.npi, _summary: 'true' }));
    expect([posted.status, posted.body.toString()]).toEqual([200, expect.stringContaining(id)]);
    const group = await eventually(async () => {
      const answer = await ask(`/fhir/Group/${id}`);
      return answer.body.includes(`"Organization/${own.id}"`) && answer;
    });
    const references = new Set(group.body.toString().match(/(?<="reference":")[^"]+/g));
    const types = [...references].map((reference) => reference.split('/')[0]);
    expect(new Set(types)).toEqual(new Set(['Organization', 'Patient', 'Coverage']));
    for (const reference of references) expect((await ask(`/fhir/${reference}`)).status, reference).toBe(200);
  });

  /** US Core 6.1.0: a Medication that a MedicationRequest refers to can be read. */
  test('every client reads a Medication that the payer shares, and no other client that of a member', async () => {
    const member = onlyTheirs;
    const medication = (id: string): object => ({ resource: { resourceType: 'Medication', id, code: { text: id } } });
    await publishAll(platform, [
      payerEvent('payer.provider-recorded.v1', 'medications', medication('shared-drug')),
      payerEvent('payer.resource-recorded.v1', member, medication('their-drug')),
      payerEvent('payer.resource-recorded.v1', member, {
        resource: {
          resourceType: 'MedicationRequest',
          id: 'their-prescription',
          status: 'active',
          intent: 'order',
          medicationReference: { reference: 'Medication/shared-drug' },
          subject: { reference: `Patient/${member}` },
        },
      }),
    ]);
    const prescribed = '/fhir/MedicationRequest?_id=their-prescription&_include=MedicationRequest:medication';
    const found = await eventually(async () => {
      const answer = await ask(prescribed, { token: otherToken });
      return answer.body.includes('shared-drug","') && answer;
    });
    for (const path of ['', '/_history/1', '/_history'].map((form) => `/fhir/Medication/shared-drug${form}`))
      for (const by of [token, otherToken])
        expect([path, (await ask(path, { token: by })).status]).toEqual([path, 200]);
    expect(found.body.toString()).toContain((await ask('/fhir/Medication/shared-drug')).body.toString());
    expect((await ask('/fhir/Medication/their-drug', { token: otherToken })).status).toBe(200);
    expect(reply(await ask('/fhir/Medication/their-drug'))).toEqual(reply(await ask('/fhir/Medication/unknown')));
  });

  test("another's page link, or one that was changed, is no link", async () => {
    const shared = payer.ledger;
    const member = [...shared.visibleMembers(theirs.npi)].find((m) => (m.perType['ExplanationOfBenefit'] ?? 0) > 2)!;
    const page = await http(at(`/fhir/ExplanationOfBenefit?patient=${member.member}&_count=1`), { token: otherToken });
    const next = json<{ link: { relation: string; url: string }[] }>(page).link.find((l) => l.relation === 'next')!.url;
    expect((await http(next, { token: otherToken })).status).toBe(200);
    const changed = next.slice(0, -3) + (next.endsWith('AAA') ? 'BBB' : 'AAA');
    const [stolen, tampered, invented] = [
      await ask(next),
      await http(changed, { token: otherToken }),
      await ask(next.replace(/_page=.*/, `_page=${'A'.repeat(80)}`)),
    ];
    expect(stolen.status).toBe(400);
    expect(reply(stolen)).toEqual(reply(tampered));
    expect(reply(stolen)).toEqual(reply(invented));
    expect((await http(next.replace('/ExplanationOfBenefit', '/Condition'), { token: otherToken })).status).toBe(400);
  });

  test("another's registration and token: not read, not introspected", async () => {
    const uri = other.registration.registration_client_uri;
    const own = app.registration.registration_access_token;
    const [foreign, unknown] = [
      await http(uri, { token: own }),
      await http(uri.replace(/c-[0-9a-f]+$/, `c-${'0'.repeat(32)}`), { token: own }),
    ];
    expect(foreign.status).toBe(401);
    expect(reply(foreign)).toEqual(reply(unknown));
    expect((await http(uri, { token: other.registration.registration_access_token })).status).toBe(200);
    expect((await http(uri)).status).toBe(401);
    const change = (to: string) =>
      http(to, { method: 'PUT', token: own, body: '{}', headers: { 'content-type': 'application/json' } });
    const [ofOther, ofNobody] = [await change(uri), await change(uri.replace(/c-[0-9a-f]+$/, `c-${'0'.repeat(32)}`))];
    expect(ofOther.status).toBe(401);
    expect(reply(ofOther)).toEqual(reply(ofNobody));

    const introspect = (of: string): Promise<HttpAnswer> =>
      http(at('/auth/introspect'), {
        ...form({ token: of }),
        headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Bearer ${token}` },
      });
    expect(json(await introspect(token))).toMatchObject({ active: true, client_id: app.clientId });
    const [theirToken, garbage] = [await introspect(otherToken), await introspect('not.a.token')];
    expect(json(theirToken)).toEqual({ active: false });
    expect(reply(theirToken)).toEqual(reply(garbage));
    expect((await http(at('/auth/introspect'), form({ token }))).status).toBe(401);
  });

  test('a token reads what its scope says and no more', async () => {
    const answer = await http(
      at('/auth/token'),
      exchange(clientAssertion(app, at('/auth/token')), 'system/Patient.rs'),
    );
    const { access_token: narrow, scope } = json<{ access_token: string; scope: string }>(answer);
    expect(scope).toBe('system/Patient.rs');
    const member = mine.visible[0]!.member;
    expect((await ask(`/fhir/Patient/${member}`, { token: narrow })).status).toBe(200);
    for (const path of [
      `/fhir/Condition?patient=${member}`,
      '/fhir/Condition/m-000001-x',
      '/fhir/Group',
      '/fhir/Practitioner?_id=x',
      `/fhir/ExplanationOfBenefit?patient=${member}`,
    ]) {
      const refused = await ask(path, { token: narrow });
      expect(refused.status, path).toBe(403);
      expect(refused.headers['www-authenticate'], path).toContain('insufficient_scope');
      expect(json<{ resourceType: string }>(refused).resourceType).toBe('OperationOutcome');
    }
    // A file of another type is closed to the narrow token, and its manifest does not list it.
    const group = (await findGroup(platform, token, mine.npi)).id;
    const status = await kickOff(platform, token, group, '?_type=Patient,Condition');
    const manifest = await sealed(status, token);
    const condition = manifest.output.find((f) => f.type === 'Condition')!;
    expect((await http(condition.url, { token: narrow })).status).toBe(403);
    expect(new Set((await sealed(status, narrow)).output.map((f) => f.type))).toEqual(new Set(['Patient']));
  });

  test('no token, garbage, a stranger signature, and another role: 401 with a challenge', async () => {
    const [head, claims, signature] = token.split('.') as [string, string, string];
    const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const forged = (over: Record<string, unknown>): string =>
      `${head}.${Buffer.from(JSON.stringify({ ...parsed, ...over })).toString('base64url')}.${signature}`;
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    const bad = [
      'garbage',
      'a.b.c',
      `${head}.${claims}.${'A'.repeat(86)}`,
      forged({ sub: other.clientId, client_id: other.clientId }),
      forged({ exp: Math.floor(Date.now() / 1000) + 99_999 }),
      none,
      clientAssertion(app, `${platform.base}/fhir`),
      platform.payerToken,
      platform.administratorToken,
      app.registration.registration_access_token,
    ];
    for (const path of [
      '/fhir/Patient/m-000001',
      '/fhir/Group',
      `/fhir/Group/${otherGroup}/$export`,
      '/fhir/bulk',
      '/refusals',
      new URL(otherStatus).pathname,
      new URL(otherManifest.output[0]!.url).pathname,
    ]) {
      for (const of of bad) {
        const answer = await ask(path, { token: of });
        expect(answer.status, `${path} ${bad.indexOf(of)}`).toBe(401);
        expect(answer.headers['www-authenticate'], path).toMatch(/^Bearer\b.*error="invalid_token"/);
      }
      const bare = await http(at(path));
      expect(bare.status).toBe(401);
      expect(bare.headers['www-authenticate']).toMatch(/^Bearer\b/);
      expect((await http(at(`${path}?access_token=${token}`))).status).toBe(401);
    }
    for (const path of [
      '/events/dead-letters',
      '/auth/clients',
      '/ops/views/resources',
      `/ops/explain?client=${app.clientId}&member=m-000001`,
      '/ops/disclosures?member=m-000001',
      '/ops/disclosures/document?member=m-000001',
      '/ops/audit/AuditEvent?patient=m-000001',
      '/ops/audit/AuditEvent/x',
      '/ops/audit/verification',
      ...['/ops/slo', '/ops/slo/freshness', '/ops/feeds', '/ops/reviews', '/ops/attestations', '/ops/lines'],
      ...['/ops/attestations/matches', '/ops/evidence', `/ops/evidence/apps/${other.clientId}`],
      ...['auth', 'attribution', 'consent', 'resources', 'export'].map((service) => `/ops/health/${service}`),
    ])
      expect((await ask(path)).status, path).toBe(401);
    const disclosed = '/ops/disclosures?member=m-000001';
    for (const path of ['/auth/clients', '/ops/views/export', '/ops/health/export', disclosed, '/ops/slo'])
      expect((await ask(path, { token: platform.payerToken })).status, path).toBe(401);
    for (const path of ['/events', '/ops/probe']) {
      const type = path === '/events' ? 'application/cloudevents+json' : 'application/json';
      const sent = await ask(path, { method: 'POST', headers: { 'content-type': type }, body: '{}' });
      expect(sent.status, path).toBe(401);
    }
  });
});
