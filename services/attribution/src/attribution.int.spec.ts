import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT, PA_GROUPS } from '@provider-access/events';
import { attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, panel, payerEvent } from '../test/harness.ts';
import { type BundleJson, find, members, onlyGroup, typed } from '../test/groups.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

describe('Group', () => {
  it('R16: is found by NPI and read with its members by the client of that provider', async () => {
    await h.publish(inNetwork(), ...panel('m1', 'm2'), attributed('not-covered'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const bundle = await find(h, app, `?identifier=http://hl7.org/fhir/sid/us-npi|${NPI}`);
    expect(bundle.total).toBe(1);
    const { resource, fullUrl } = bundle.entry![0]!;
    expect(fullUrl).toBe(`https://pa.example/fhir/Group/${resource.id}`);
    expect(members(resource)).toEqual(['Patient/m1', 'Patient/m2']);
    expect(resource).toMatchObject({
      resourceType: 'Group',
      quantity: 2,
      member: [{ period: { start: '2025-01-01T00:00:00.000Z' } }, {}],
    });
    const read = await h.get(`/fhir/Group/${resource.id}`, app);
    expect(read.json()).toEqual(resource);
    expect(read.headers['content-type']).toContain('application/fhir+json');
    const head = await h.get(`/fhir/Group/${resource.id}`, app, 'HEAD');
    expect([head.statusCode, head.payload]).toEqual([200, '']);
    expect(await typed(h, PA_AUDIT, 'pa.disclosure.v1')).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ action: 'group-read', outcome: 'released', members: ['m1', 'm2'] }),
        expect.objectContaining({ action: 'group-search', outcome: 'released' }),
      ]),
    );
  });

  it('R13: of another provider and one that does not exist are the same 404, to the byte', async () => {
    await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...panel('m1'));
    const [own, other] = [await h.app1('c1', [`npi|${NPI}`]), await h.app1('c2', [`npi|${OTHER_NPI}`])];
    const { id } = await onlyGroup(h, own);
    const [foreign, unknown] = [
      await h.get(`/fhir/Group/${id}`, other),
      await h.get(`/fhir/Group/${'a'.repeat(26)}`, other),
    ];
    expect(foreign.statusCode).toBe(404);
    expect(foreign.rawPayload.equals(unknown.rawPayload)).toBe(true);
    const { date: _d1, ...fh } = foreign.headers;
    const { date: _d2, ...uh } = unknown.headers;
    expect(fh).toEqual(uh);
    expect(await find(h, other)).toMatchObject({ total: 0 });
    expect(await find(h, other, `?_id=${id}`)).toMatchObject({ total: 0 });
  });

  it('asks a client to repeat an export that the routes of the release before lead here', async () => {
    for (const path of ['$export', '$davinci-data-export?_type=Patient']) {
      const answer = await h.get(`/fhir/Group/${'a'.repeat(26)}/${path}`, {});
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    }
  });

  it('says that an export needs the id of a Group', async () => {
    for (const path of ['$export', '$davinci-data-export?_type=Patient'])
      expect(await h.get(`/fhir/Group/${path}`, {})).toMatchObject({
        statusCode: 404,
        body: expect.stringMatching(/Exports are per Group/),
      });
  });

  it('names the parameters of the search to a client that uses another one', async () => {
    const app = await h.app1('c1', [`npi|${NPI}`]);
    for (const query of ['npi=1234567893', 'identifer=x'])
      expect(await h.get(`/fhir/Group?${query}`, app)).toMatchObject({
        statusCode: 400,
        body: expect.stringMatching(/Group has: _id, _lastUpdated, _profile, identifier, .*_elements/),
      });
    const read = (await h.get(`/fhir/Group/${'a'.repeat(26)}?_summary=true&name=x`, app)).json() as unknown;
    expect(read).toMatchObject({
      issue: [
        {
          code: 'not-supported',
          expression: ['name'],
          diagnostics: expect.stringMatching(/ name; .*_summary, _elements, _format, _pretty/),
        },
      ],
    });
  });

  it('audits what it refuses to an app, without a member', async () => {
    const [app, narrow] = [await h.app1('c1', [`npi|${NPI}`]), await h.app1('c2', [`npi|${NPI}`], 'system/Patient.rs')];
    for (const query of ['', '?color=blue', '?color=red', '?_count=x'])
      await h.get(`/fhir/Group${query}`, query === '' ? narrow : app);
    await h.get(`/fhir/Group/${'a'.repeat(26)}?_count=1`, app);
    await h.get(`/fhir/Group/${'a'.repeat(26)}`, narrow);
    const entries = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).map(
      ({ at: _at, agent: _agent, purpose: _purpose, query: _query, ...entry }) => entry,
    );
    const common = { outcome: 'refused', members: [], resources: 0, types: ['Group'], count: 1 };
    expect(entries).toHaveLength(5);
    expect(entries).toEqual(
      expect.arrayContaining([
        { ...common, client: 'c2', action: 'group-search', reason: 'insufficient-scope' },
        { ...common, client: 'c1', action: 'group-search', reason: 'not-supported' },
        { ...common, client: 'c1', action: 'group-search', reason: 'invalid-value' },
        { ...common, client: 'c1', action: 'group-read', reason: 'not-supported' },
        { ...common, client: 'c2', action: 'group-read', reason: 'insufficient-scope' },
      ]),
    );
  });

  it('needs a token and its scope', async () => {
    expect((await h.get('/fhir/Group', {})).statusCode).toBe(401);
    expect((await h.get('/fhir/Group', await h.app1('c1', [`npi|${NPI}`], 'system/Patient.rs'))).statusCode).toBe(403);
  });

  it('disappears when its provider leaves the network', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await find(h, app)).total).toBe(1);
    await h.publish(
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'out-of-network', from: '2026-05-01' }),
    );
    expect((await find(h, app)).total).toBe(0);
  });

  it('out of network is the 404 of an unknown Group, to the byte, and audited by its reason', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id } = await onlyGroup(h, app);
    await h.publish(
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'out-of-network', from: '2026-05-01' }),
    );
    const answers = [await h.get(`/fhir/Group/${id}`, app), await h.get(`/fhir/Group/${'a'.repeat(26)}`, app)];
    expect(answers.map((answer) => answer.statusCode)).toEqual([404, 404]);
    expect(answers[0]!.rawPayload.equals(answers[1]!.rawPayload)).toBe(true);
    const reasons = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason !== undefined).toSorted()).toEqual(['group-unknown', 'not-in-network']);
  });

  it('leaves out who opted out, in members and quantity', async () => {
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await h.consentSays('pa.opted-out.v1', 'm1', {
      scope: 'global',
      effective: '2026-05-01T00:00:00.000Z',
      businessTime: '2026-05-01T00:00:00.000Z',
      setBy: 'member',
    });
    const group = await onlyGroup(h, app);
    expect(members(group)).toEqual(['Patient/m2']);
    expect(group.quantity).toBe(1);
    expect(await find(h, app, '?_summary=true')).toMatchObject({
      entry: [{ resource: { quantity: 1, meta: { tag: [{ code: 'SUBSETTED' }] } } }],
    });
  });

  it('is minted once by provider and contract, and keeps its id', async () => {
    await h.publish(
      inNetwork(),
      ...panel('m1'),
      attributed('m1'),
      payerEvent('payer.attribution-asserted.v1', 'm1', { provider: { npi: NPI, contract: 'k1' }, from: '2025-01-01' }),
    );
    expect(await typed(h, PA_GROUPS, 'pa.group-opened.v1')).toHaveLength(2);
    expect((await find(h, await h.app1('c1', [`npi|${NPI}`]))).total).toBe(2);
  });

  it('pages with links of its own, and refuses what it does not know', async () => {
    await h.publish(
      inNetwork(),
      ...['k1', 'k2', 'k3'].map((contract) =>
        payerEvent('payer.attribution-asserted.v1', 'm1', { provider: { npi: NPI, contract }, from: '2025-01-01' }),
      ),
    );
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const ids: string[] = [];
    for (let url: string | undefined = '/fhir/Group?_count=2&code=pdexprovidergroup'; url !== undefined;) {
      const page: BundleJson = (await h.get(url, app)).json<BundleJson>();
      expect(page.total).toBe(3);
      ids.push(...page.entry!.map((e) => e.resource.id));
      url = page.link.find((l) => l.relation === 'next')?.url.replace('https://pa.example', '');
    }
    expect(new Set(ids).size).toBe(3);
    expect((await h.get('/fhir/Group?_page=tampered', app)).statusCode).toBe(400);
    expect((await h.get('/fhir/Group?color=blue', app)).statusCode).toBe(400);
    expect((await find(h, app, '?identifier=k2')).total).toBe(1);
    expect((await find(h, app, '?characteristic=other')).total).toBe(0);
    expect((await find(h, app, '?_lastUpdated=ge2026-06-01')).total).toBe(3);
    expect((await find(h, app, '?_lastUpdated=lt2026-06-01')).total).toBe(0);
  });

  it('is not read whole when it is too large, but summarised', async () => {
    await h.stop();
    h = await new Harness().start({ maxGroupMembers: 1 });
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const id = (await find(h, app, '?_summary=true')).entry![0]!.resource.id;
    const whole = await h.get(`/fhir/Group/${id}`, app);
    expect(whole.json()).toMatchObject({ issue: [{ code: 'too-costly' }] });
    // S9: the text led to an export of Groups, which does not exist.
    expect(whole.body).toContain('_summary=true');
    expect(whole.body).toContain('$export?_type=Patient');
    expect((await h.get(`/fhir/Group/${id}?_summary=true`, app)).json()).toMatchObject({ quantity: 2 });
  });

  // E78, S9: one large Group made the whole list a 413.
  it('comes as a summary in a list when it is too large, and the others come whole', async () => {
    await h.stop();
    h = await new Harness().start({ maxGroupMembers: 1 });
    await h.publish(inNetwork(), inNetwork(OTHER_NPI), ...panel('m1'), enrolled('m2'));
    await h.publish(attributed('m2'), attributed('m2', OTHER_NPI));
    const app = await h.app1('c1', [`npi|${NPI}`, `npi|${OTHER_NPI}`]);
    const summaries = await find(h, app, '?_summary=true');
    const versions = new Map(summaries.entry!.map(({ resource }) => [resource.id, resource.meta.versionId]));
    for (const query of ['', '?_summary=data', '?_elements=member,quantity', '?_lastUpdated=gt2000']) {
      const { entry = [], total } = await find(h, app, query);
      expect(total, query).toBe(2);
      const matched = entry.filter(({ resource }) => (resource as { resourceType?: string }).resourceType === 'Group');
      expect(matched.map(({ resource: { quantity, member } }) => [quantity, member?.length]).toSorted(), query).toEqual(
        query === '?_summary=data'
          ? expect.arrayContaining([[1, 1]])
          : [
              [1, 1],
              [2, undefined],
            ],
      );
      for (const { resource } of matched) expect(resource.meta.versionId, query).toBe(versions.get(resource.id));
      const large = matched.find(({ resource }) => resource.member === undefined)!;
      expect(large.resource).toMatchObject({ meta: { tag: [{ code: 'SUBSETTED' }] } });
      const said = entry.find(({ resource }) => !matched.some((one) => one.resource === resource))!;
      expect(said).toMatchObject({
        search: { mode: 'outcome' },
        resource: {
          issue: [{ severity: 'information', code: 'too-costly', diagnostics: expect.stringContaining('$export') }],
        },
      });
    }
    // Nobody is named in the audit as given who was not shown.
    const named = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).flatMap((entry) => entry['members'] as string[]);
    expect(new Set(named)).toEqual(new Set(['m2']));
  });
});

describe('a list of Groups that are large together', () => {
  // E78, S9: no Group is too large by itself, and the answer would have any number of members.
  it('shows as many members as one Group may have, and the other Groups as summaries', async () => {
    await h.stop();
    h = await new Harness().start({ maxGroupMembers: 2 });
    const providers = [NPI, OTHER_NPI, '1999999984'];
    await h.publish(...providers.map((npi) => inNetwork(npi)), enrolled('m1'), enrolled('m2'));
    for (const npi of providers) await h.publish(attributed('m1', npi), attributed('m2', npi));
    const app = await h.app1(
      'c1',
      providers.map((npi) => `npi|${npi}` as const),
    );
    for (const query of ['', '?_lastUpdated=gt2000', '?_sort=_lastUpdated']) {
      const { entry = [] } = await find(h, app, query);
      const shown = entry.slice(0, 3).map(({ resource: { quantity, member, meta } }) => ({
        quantity,
        members: member?.length ?? 0,
        isSubset: JSON.stringify(meta).includes('SUBSETTED'),
      }));
      expect(shown, query).toEqual([
        { quantity: 2, members: 2, isSubset: false },
        { quantity: 2, members: 0, isSubset: true },
        { quantity: 2, members: 0, isSubset: true },
      ]);
      expect(entry, query).toHaveLength(4);
    }
    const ids = (await find(h, app, '?_summary=true')).entry!.map(({ resource }) => resource.id);
    for (const id of ids) expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
  });
});

describe('facts that cannot be trusted', () => {
  const covered = async (): Promise<{ app: Record<string, string>; id: string }> => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    return { app, id: (await onlyGroup(h, app)).id };
  };

  it('a stopped consent intake turns reads into 503 within the bound, never into a stale permit', async () => {
    const { app, id } = await covered();
    await h.stopConsent();
    await h.append(payerEvent('payer.member-opted-out.v1', 'm1', { scope: 'global' }));
    await h.advance(5001);
    const [read, search] = [await h.get(`/fhir/Group/${id}`, app), await h.get('/fhir/Group', app)];
    expect([read.statusCode, search.statusCode]).toEqual([503, 503]);
    expect(read.headers['retry-after']).toBe('1');
    await h.startConsent();
    await h.facts.access.waitForPayer(await h.payerHead(), 60_000);
    await h.advance(0);
    expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
  });

  it('a stopped attribution intake likewise', async () => {
    const { app, id } = await covered();
    await h.stopIntake();
    await h.append(payerEvent('payer.attribution-ended.v1', 'm1', { provider: { npi: NPI }, to: '2025-06-01' }));
    await h.advance(5001);
    expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(503);
  });

  it('a log that is away ends it too, after the bound', async () => {
    const { app, id } = await covered();
    h.log.faults.away = true;
    await h.advance(4000);
    h.log.faults.away = false;
    expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
    h.log.faults.away = true;
    await h.advance(6000);
    const answer = await h.get(`/fhir/Group/${id}`, app);
    h.log.faults.away = false;
    expect(answer.statusCode).toBe(503);
  });

  it('nothing leaves that cannot be audited', async () => {
    const { app, id } = await covered();
    h.log.faults.away = true;
    const answer = await h.get(`/fhir/Group/${id}`, app);
    h.log.faults.away = false;
    expect(answer.statusCode).toBe(503);
  });
});
