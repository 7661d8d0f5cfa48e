import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, IN_CLUSTER, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { type HttpAnswer, http, json, payerEvent, tell } from './road.ts';
import { coded, consent, FHIR, portalToken, PURPOSE, TERMS } from './portal.ts';
import { LIMITS } from './world/context.ts';

/** The payer's portal for members at `/fhir/Consent` (PEOPLE.md N20 to N26, PDex 2.2.0). */
const P = npiOf(randomInt(1e8));
const OTHER = npiOf(randomInt(1e8));
type Resource = Readonly<Record<string, unknown>> & { readonly id: string };
interface Bundle {
  readonly total?: number;
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly { readonly resource: Resource }[];
}
interface Provision {
  readonly type: string;
  readonly period: { readonly start: string; readonly end?: string };
  readonly actor: readonly { readonly reference: { readonly identifier?: { readonly value: string } } }[];
}
interface Outcome {
  readonly resourceType: string;
  readonly issue: readonly {
    readonly code: string;
    readonly diagnostics?: string;
    readonly details?: { readonly text: string; readonly coding: readonly { readonly code: string }[] };
  }[];
}
const provisionOf = (resource: Resource): Provision => resource['provision'] as Provision;

describe.skipIf(IN_CLUSTER)("the payer's portal for members", () => {
  let fresh: Fresh;
  let apps: Readonly<Record<'p' | 'other', TestApp>>;
  let portal: string;
  const MEMBERS = ['m-portal-1', 'm-portal-2', 'm-portal-3', 'm-portal-4', 'm-portal-5'] as const;
  const url = (path: string): string => `${fresh.platform().base}/fhir/${path}`;
  const get = (path: string, token = portal): Promise<HttpAnswer> => http(url(path), { token });
  const create = (body: object | string, token = portal, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
    http(url('Consent'), {
      method: 'POST',
      token,
      headers: { 'content-type': FHIR, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const found = async (query: string): Promise<readonly Resource[]> =>
    (json<Bundle>(await get(`Consent?${query}`)).entry ?? []).map(({ resource }) => resource);
  const sees = async (app: TestApp, member: string): Promise<boolean> =>
    (await http(url(`Patient/${member}`), { token: await app.tokens.get() })).status === 200;
  const textOf = (answer: HttpAnswer): string => {
    const [issue] = json<Outcome>(answer).issue;
    return issue!.diagnostics ?? issue!.details!.text;
  };

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    portal = portalToken(fresh);
    for (const npi of [P, OTHER])
      await publishTaken(
        fresh.platform(),
        payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
      );
    apps = {
      p: await registerApp(fresh.platform(), { name: 'P', npi: P }),
      other: await registerApp(fresh.platform(), { name: 'Other', npi: OTHER }),
    };
    await publishTaken(
      fresh.platform(),
      ...MEMBERS.flatMap((member) => [
        ...memberOf(member, { npi: P }),
        payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: OTHER }, from: '2020-01-01' }),
      ]),
    );
    for (const app of Object.values(apps)) await eventually(async () => expect(await sees(app, MEMBERS[4])).toBe(true));
  });
  afterAll(() => fresh?.dispose());

  test('N21 N22 N23 N25 a member opts out for one provider, looks at it, and opts in again', async () => {
    const [member] = MEMBERS;
    expect(await found(`patient=${member}`)).toEqual([]);

    const out = await create(consent(member, 'deny', [P]));
    expect(out.status).toBe(201);
    // 201 means that every process applies it.
    expect([await sees(apps.p, member), await sees(apps.other, member)]).toEqual([false, true]);
    const made = json<Resource>(out);
    expect(out.headers['location']).toBe(url(`Consent/${made.id}/_history/1`));
    expect(out.headers['etag']).toBe('W/"1"');
    expect(provisionOf(made)).toMatchObject({ type: 'deny', actor: [{}, { reference: { identifier: { value: P } } }] });
    expect(provisionOf(made).period).toEqual({ start: expect.stringMatching(/^20\d\d-/) });

    expect(json<Resource>(await get(`Consent/${made.id}`))).toEqual(made);
    for (const query of [
      `patient=${member}`,
      `patient=Patient/${member}&category=provider-access`,
      `patient=${member}&category=${PURPOSE}|provider-access`,
      `_id=${made.id}`,
      `patient=${member}&provision-type=deny&provision-action=disclose&provider-access=true`,
    ])
      expect(await found(query), query).toEqual([made]);
    for (const query of ['provision-type=permit', 'provider-access=false', 'category=payer-to-payer', '_id=other'])
      expect(await found(`patient=${member}&${query}`), query).toEqual([]);
    expect(await found(`patient=${MEMBERS[1]}&_id=${made.id}`)).toEqual([]);

    const back = await create(consent(member, 'permit', [P]));
    expect(back.status).toBe(201);
    expect([await sees(apps.p, member), await sees(apps.other, member)]).toEqual([true, true]);
    const permitted = json<Resource>(back);
    expect((await found(`patient=${member}`)).map(({ id }) => id)).toEqual([permitted.id, made.id]);

    const history = json<Bundle>(await get(`Consent/${made.id}/_history`));
    const [ended, first] = history.entry!.map(({ resource }) => resource);
    expect(history.total).toBe(2);
    expect(first).toEqual(made);
    expect(provisionOf(ended!)).toEqual({
      ...provisionOf(made),
      period: { start: provisionOf(made).period.start, end: provisionOf(permitted).period.start },
    });
    expect(json<Resource>(await get(`Consent/${made.id}/_history/1`))).toEqual(made);
    expect((await get(`Consent/${made.id}/_history/3`)).status).toBe(404);
  });

  test('N10 an opt-in for one provider that a global opt-out stands against says so', async () => {
    const member = MEMBERS[1];
    const out = await create(consent(member, 'deny'), portal, { prefer: 'return=OperationOutcome' });
    expect([out.status, json<Outcome>(out).issue[0]!.details!.coding[0]!.code]).toEqual([201, 'effective']);
    const answer = await create(consent(member, 'permit', [P]));
    expect(answer.status).toBe(202);
    expect(json<Outcome>(answer).issue[0]!.details!.coding[0]!.code).toBe('superseded');
    expect(await sees(apps.p, member)).toBe(false);
    expect((await create(consent(member, 'permit'), portal, { prefer: 'return=minimal' })).body.byteLength).toBe(0);
    expect([await sees(apps.p, member), await sees(apps.other, member)]).toEqual([true, true]);
  });

  test('what the payer publishes is in the portal too: there is one truth', async () => {
    const member = MEMBERS[2];
    const data = { scope: 'purpose-specific', purposes: ['HPAYMT'], reason: 'privacy-concern' };
    expect(await tell(fresh.platform(), payerEvent('payer.member-opted-out.v2', member, data))).toMatchObject({
      status: 'effective',
      bars: 0,
    });
    const old = payerEvent('payer.member-opted-out.v1', member, { scope: 'payer-specific' });
    expect(await tell(fresh.platform(), old)).toMatchObject({ status: 'effective' });
    expect(await sees(apps.p, member)).toBe(false);
    await eventually(async () => expect(await found(`patient=${member}`)).toHaveLength(2));
    expect((await found(`patient=${member}`)).map((one) => provisionOf(one))).toMatchObject([
      { type: 'deny' },
      { type: 'deny', purpose: [{ code: 'HPAYMT' }] },
    ]);
    expect((await found(`patient=${member}&category=privacy-concern`)).length).toBe(1);
    // Trap: two systems race. Within the tolerance of their clocks nobody knows the order, and the denial stands.
    const race = await create(consent(member, 'permit'));
    expect([race.status, json<Outcome>(race).issue[0]!.details!.text]).toEqual([202, expect.stringContaining(old.id)]);
    expect(await sees(apps.p, member)).toBe(false);
  });

  test('N12 an opt-in while a dead letter denies says so, and both ids of a person have each decision', async () => {
    const member = MEMBERS[4];
    const unreadable = payerEvent('payer.member-opted-out.v2', member, { scope: 'family' });
    expect(await tell(fresh.platform(), unreadable)).toMatchObject({ status: 'parked' });
    const answer = await create(consent(member, 'permit'));
    const [{ details }] = json<Outcome>(answer).issue as [Outcome['issue'][number]];
    expect([answer.status, details!.coding[0]!.code]).toEqual([202, 'held']);
    expect(details!.text).toMatch(/dl-/);
    expect(await sees(apps.p, member)).toBe(false);
    const [stored] = await found(`patient=${member}`);
    expect(answer.headers['location']).toBe(url(`Consent/${stored!.id}/_history/1`));

    await publishTaken(fresh.platform(), payerEvent('payer.members-merged.v1', member, { from: 'm-portal-old' }));
    expect((await create(consent('m-portal-old', 'deny', [P]))).status).toBe(201);
    for (const id of [member, 'm-portal-old'])
      await eventually(async () => {
        const [newest] = await found(`patient=${id}`);
        expect(newest).toMatchObject({ patient: { reference: `Patient/${id}` }, provision: { type: 'deny' } });
      });
  });

  test('N20 a provider app, the other tokens and nobody get nothing, and the portal gets nothing else', async () => {
    const app = await apps.p.tokens.get();
    const [known] = await found(`patient=${MEMBERS[0]}`);
    const paths = [
      `Consent/${known!.id}`,
      `Consent?patient=${MEMBERS[0]}`,
      `Consent/${known!.id}/_history`,
      'Consent/x',
    ];
    for (const path of paths) {
      const refused = await get(path, app);
      expect(refused.status, path).toBe(404);
      // The words are those of a type that does not exist.
      expect(refused.body).toEqual((await get('Nothing/x', app)).body);
      const { payerToken, administratorToken } = fresh.platform();
      for (const token of [payerToken, 'x'.repeat(43), `${portal}x`])
        expect((await get(path, token)).status, path).toBe(401);
      // It has the role of a call centre, as every role of people.
      expect([200, 404], path).toContain((await get(path, administratorToken)).status);
      expect((await http(url(path))).status, path).toBe(401);
    }
    expect((await create(consent(MEMBERS[3], 'deny'), app)).status).toBe(404);
    expect((await create(consent(MEMBERS[3], 'deny'), fresh.platform().payerToken)).status).toBe(401);
    expect(await found(`patient=${MEMBERS[3]}`)).toEqual([]);
    const { base } = fresh.platform();
    for (const path of [
      `fhir/Patient/${MEMBERS[0]}`,
      'fhir/Group',
      'ops/disclosures?member=m',
      'auth/clients',
      'events/dead-letters',
    ])
      expect((await http(`${base}/${path}`, { token: portal })).status, path).toBe(401);
    const own = { ...payerEvent('payer.member-opted-in.v2', MEMBERS[1], {}), specversion: '1.0' };
    const event = {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(own),
    };
    expect((await http(`${base}/events`, { ...event, token: portal })).status).toBe(401);
  });

  test('the statement of an app has no Consent, and that of the portal nothing else', async () => {
    interface Statement {
      readonly rest: readonly {
        readonly resource: readonly {
          readonly type: string;
          readonly interaction: readonly { readonly code: string }[];
        }[];
      }[];
    }
    const statement = async (token?: string) =>
      json<Statement>(await http(url('metadata'), token === undefined ? {} : { token })).rest[0]!.resource;
    for (const resources of [await statement(), await statement(await apps.p.tokens.get())])
      expect(resources.map(({ type }) => type)).not.toContain('Consent');
    const [only, ...others] = await statement(portal);
    expect(others).toEqual([]);
    expect(only!.type).toBe('Consent');
    expect(only!.interaction.map(({ code }) => code).toSorted()).toEqual(
      ['read', 'create', 'search-type', 'vread', 'history-instance'].toSorted(),
    );
  });

  test('N21 there is no update and no delete', async () => {
    const [known] = await found(`patient=${MEMBERS[0]}`);
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const answer = await http(url(`Consent/${known!.id}`), { method, token: portal });
      expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
    expect(await found(`_id=${known!.id}`)).toEqual([known]);
  });

  test('N22 to N26 bad input gets an error that names what is wrong, and changes nothing', async () => {
    const member = MEMBERS[3];
    const other = (code: string): object => ({
      category: [coded(`${TERMS}v3-ActCode`, 'IDSCL'), coded(PURPOSE, code)],
    });
    const rows: readonly (readonly [object | string, number, RegExp])[] = [
      [consent(member, 'deny', [], other('payer-to-payer')), 422, /category/],
      [consent(member, 'permit', [], other('patient-access')), 422, /category/],
      [consent(member, 'permit', [], other('everything')), 422, /category/],
      [consent(member, 'deny', [], { status: 'inactive' }), 422, /status/],
      [consent(member, 'permit', [], { status: 'rejected' }), 422, /status/],
      [consent(member, 'deny', [], { patient: { display: 'me' } }), 422, /patient/],
      [
        consent(member, 'deny', [], { patient: { reference: 'https://elsewhere.example/fhir/Patient/m-portal-4' } }),
        422,
        /patient/,
      ],
      [consent(member, 'permit', ['1234567890']), 422, /recipient/],
      [
        consent(
          member,
          'permit',
          Array.from({ length: 10_000 }, (_, n) => npiOf(n)),
        ),
        422,
        /recipient/,
      ],
      [consent(member, 'permit', [], { provision: { type: 'permit' } }), 422, /period/],
      [consent(member, 'permit', [], { performer: [{ reference: 'RelatedPerson/mother' }] }), 422, /verification/],
      [consent(member, 'permit', [], { performer: [{ reference: 'Patient/somebody-else' }] }), 422, /performer/],
      [
        consent(member, 'deny', [], {
          provision: { type: 'deny', period: { start: '2020-01-01', end: '2020-12-31' } },
        }),
        422,
        /ended/,
      ],
      [consent(member, 'deny', [], { provision: undefined }), 422, /provision/],
      [consent(member, 'deny', [], { patient: `Patient/${member}` }), 400, /Consent\.patient/],
      [consent(member, 'deny', [], { provision: [{ type: 'deny' }] }), 400, /Consent\.provision/],
      [consent(member, 'deny', [], { category: 'all' }), 400, /Consent\.category/],
      [{ resourceType: 'Patient', id: member }, 400, /Consent/],
      ['[]', 400, /Consent/],
      ['{', 400, /JSON/],
    ];
    for (const [body, status, text] of rows) {
      const answer = await create(body);
      expect([answer.status, textOf(answer)]).toEqual([status, expect.stringMatching(text)]);
      expect(answer.body.toString()).not.toContain(member);
    }
    expect((await create('x=1', portal, { 'content-type': 'text/plain' })).status).toBe(415);
    for (const [query, name] of [
      ['category=provider-access', 'patient'],
      ['patient=', 'patient'],
      ['patient=a b', 'patient'],
      [`patient=${member}&patient=${member}`, 'patient'],
      [`patient=${member}&status=active`, 'status'],
      [`patient=${member}&category:not=x`, 'category:not'],
      [`patient=${member}&_count=x`, '_count'],
      [`patient=${member}&_page=x`, '_page'],
      [`patient=${Array.from({ length: 21 }, (_, n) => `m${n}`).join()}`, 'patient'],
    ] as const) {
      const answer = await get(`Consent?${encodeURI(query)}`);
      expect([answer.status, answer.body.toString().includes(name)], query).toEqual([400, true]);
    }
    expect(await found(`patient=${member}`)).toEqual([]);
    expect(await sees(apps.p, member)).toBe(true);
  });

  test('N26 a denial that is not fully understood denies every provider', async () => {
    const member = MEMBERS[3];
    const many = await create(
      consent(
        member,
        'deny',
        Array.from({ length: 10_000 }, (_, n) => npiOf(n)),
      ),
    );
    expect([many.status, provisionOf(json(many)).actor.length]).toEqual([201, 1]);
    expect([await sees(apps.p, member), await sees(apps.other, member)]).toEqual([false, false]);
    expect((await create(consent(member, 'permit'))).status).toBe(201);
    const nested = await create(
      consent(member, 'permit', [], {
        provision: { type: 'permit', period: { start: '2099-01-01' }, provision: [{ type: 'deny' }] },
      }),
    );
    expect([nested.status, provisionOf(json(nested)).type]).toEqual([201, 'deny']);
    expect([await sees(apps.p, member), await sees(apps.other, member)]).toEqual([false, false]);
  });

  test('pages of a search follow each other, and their links name nobody', async () => {
    const member = MEMBERS[3];
    const all = await found(`patient=${member}`);
    const ids: string[] = [];
    let next: string | undefined = url(`Consent?patient=${member}&_count=1`);
    while (next !== undefined) {
      const bundle: Bundle = json(await http(next, { token: portal }));
      ids.push(...bundle.entry!.map(({ resource }) => resource.id));
      next = bundle.link.find(({ relation }) => relation === 'next')?.url;
      if (next !== undefined) expect(next).not.toContain(member);
    }
    expect(all.length).toBeGreaterThan(2);
    expect(ids).toEqual(all.map(({ id }) => id));
    const posted = await http(url('Consent/_search'), {
      method: 'POST',
      token: portal,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `patient=${member}`,
    });
    expect(json<Bundle>(posted).entry!.map(({ resource }) => resource)).toEqual(all);
    expect(json<Bundle>(posted).link[0]!.url).not.toContain(member);
  });

  test('the audit has what the portal read and stated, and no disclosure', async () => {
    const { base, administratorToken } = fresh.platform();
    interface Look {
      readonly operation: string;
      readonly outcome: string;
      readonly types?: readonly string[];
    }
    await eventually(async () => {
      const answer = await http(`${base}/ops/disclosures/looks?member=${MEMBERS[0]}&by=member-portal`, {
        token: administratorToken,
      });
      const { looks } = json<{ looks: readonly Look[] }>(answer);
      expect(looks.length).toBeGreaterThan(5);
      for (const { operation, ...one } of looks) {
        expect(one).toMatchObject({ outcome: 'released', types: ['Consent'], by: 'member-portal' });
        expect(operation).toMatch(/^(GET|POST) \/fhir\/Consent/);
      }
    });
    const given = await http(`${base}/ops/disclosures?member=${MEMBERS[0]}`, { token: administratorToken });
    const { disclosures } = json<{ disclosures: readonly { readonly client: string }[] }>(given);
    expect(disclosures.filter(({ client }) => client === 'member-portal')).toEqual([]);
  });
});
