import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { find, members, onlyGroup, typed } from '../test/groups.ts';
import { ADMIN, attributed, enrolled, Harness, inNetwork, NPI, panel } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

describe('operators', () => {
  const admin = { authorization: `Bearer ${ADMIN}` };
  it('explain who could see whom, and when; others may not ask', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await h.get('/ops/explain?client=c1&member=m1', app)).statusCode).toBe(401);
    h.now += 1000;
    expect((await h.get('/ops/explain?client=c1&member=m1', admin)).json()).toMatchObject({
      decision: 'permit',
      memberFacts: { coverage: [{ holds: true }], attributions: [{ boundToClient: true, inNetwork: true }] },
    });
    const past = '/ops/explain?client=c1&member=m1&at=2024-06-01T00:00:00Z';
    expect((await h.get(past, admin)).json()).toMatchObject({ decision: 'unknown', now: { decision: 'permit' } });
    expect((await h.get(`${past}&known=${instant(h.now)}`, admin)).json()).toMatchObject({
      decision: 'deny',
      reason: 'client-not-approved',
      now: { decision: 'permit' },
    });
    for (const at of ['2024-06-01', '2024-06-01T00:00:00', '2024-02-30T00:00:00Z', 'soon', '']) {
      const refused = await h.get(`/ops/explain?client=c1&member=m1&at=${at}`, admin);
      expect([refused.statusCode, refused.body], at).toEqual([
        400,
        expect.stringContaining('2026-07-01T00:00:00-05:00'),
      ]);
    }
    expect((await h.get('/ops/explain?client=c1&member=nobody', admin)).json()).toMatchObject({
      decision: 'deny',
      reason: 'member-unknown',
      memberFacts: null,
    });
    const hashes = await Promise.all(
      ['m1', 'm1', 'nobody'].map(
        async (member) =>
          ((await h.get(`/ops/explain?client=c1&member=${member}`, admin)).json() as { memberHash: string }).memberHash,
      ),
    );
    expect([hashes[0], new Set(hashes).size]).toEqual([expect.stringMatching(/^[a-z2-7]{26}$/), 2]);
    expect((await h.get('/ops/explain?client=c1', admin)).statusCode).toBe(400);
    // The operator looked at it, so nothing was disclosed to the client in the question.
    const looked = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).filter((entry) => entry['action'] === 'explain');
    expect([looked.length > 0, new Set(looked.map((entry) => entry['client']))]).toEqual([
      true,
      new Set(['administrator']),
    ]);
  });
  it('list disclosures of a member', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await find(h, await h.app1('c1', [`npi|${NPI}`]));
    await expect
      .poll(
        async () => (await h.get('/ops/disclosures?member=m1', admin)).json<{ disclosures: unknown[] }>().disclosures,
      )
      .toMatchObject([{ client: 'c1', action: 'group-search', member: 'm1', resources: 1 }]);
  });
  it('cost one append a request, however many members and facts an entry has', async () => {
    await h.publish(inNetwork(), ...['m1', 'm2', 'm3'].flatMap((member) => [enrolled(member), attributed(member)]));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id } = await onlyGroup(h, app);
    const { log } = h.ports;
    const append = log.append.bind(log);
    const appended: [topic: string, records: number][] = [];
    (log as { append: typeof log.append }).append = (topic, records) => {
      if (topic === PA_AUDIT) appended.push([topic, records.length]);
      return append(topic, records);
    };
    for (const path of [`/fhir/Group/${id}`, '/fhir/Group/unheard-of', '/ops/explain?client=c1&member=m1']) {
      appended.length = 0;
      await h.get(path, path.startsWith('/ops') ? admin : app);
      expect([path, appended]).toEqual([path, [[PA_AUDIT, 1]]]);
    }
  });
  it('keep the query, the purpose and the registration of the client, and never what may name a person', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id } = await onlyGroup(h, app);
    for (const query of [`identifier=${NPI}&_count=10&_id=${id}`, 'characteristic=x&_count=Jane', 'Jane=Doe'])
      await h.get(`/fhir/Group?${query}`, app);
    expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
    const entries = await typed(h, PA_AUDIT, 'pa.disclosure.v1');
    for (const entry of entries)
      expect(entry).toMatchObject({ purpose: 'TREAT', agent: { name: 'c1', providers: [`npi|${NPI}`] } });
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(['group-search', 'group-read']));
    expect(JSON.stringify(entries)).not.toMatch(/Jane|Doe/);
  });
  it('list what an operator looked at apart, as the look of the operator, never as given to the client', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    for (let i = 0; i < 3; i++) expect((await h.get('/ops/explain?client=c1&member=m1', admin)).statusCode).toBe(200);
    const looks = async (): Promise<unknown[]> =>
      (await h.get('/ops/disclosures/looks?member=m1', admin))
        .json<{ looks: { operation: string }[] }>()
        .looks.filter(({ operation }) => operation === 'GET /ops/explain');
    // Each look is recorded for the administrator, and no resource of the member was given to anybody.
    const look = { by: 'administrator', operation: 'GET /ops/explain', outcome: 'released', members: ['m1'] };
    await expect.poll(looks).toEqual(Array.from({ length: 3 }, () => expect.objectContaining(look)));
    expect((await h.get('/ops/disclosures?member=m1', admin)).json()).toEqual({ member: 'm1', disclosures: [] });
  });
  it('are one per client, Group and hour, however often the Group is read; a member who joins is added', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id } = await onlyGroup(h, app);
    for (let i = 0; i < 10; i++) expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
    for (let i = 0; i < 10; i++) await find(h, app);
    await h.publish(...panel('m2'));
    await expect
      .poll(async () => members((await h.get(`/fhir/Group/${id}`, app)).json()))
      .toEqual(['Patient/m1', 'Patient/m2']);
    const released = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).filter((entry) => entry['outcome'] === 'released');
    expect(released.map(({ action, members: of, perMember, group }) => [action, of, perMember, group])).toEqual(
      expect.arrayContaining([
        ['group-search', ['m1'], [1], id],
        ['group-read', ['m1'], [1], id],
        ['group-read', ['m2'], [1], id],
      ]),
    );
    expect(released).toHaveLength(3);
  });
  it('list and rebuild views', async () => {
    await h.publish(enrolled('m1'));
    expect(
      (await h.get('/ops/views/attribution', admin)).json<{ views: { view: string }[] }>().views.map((v) => v.view),
    ).toEqual(expect.arrayContaining(['facts_members_v2']));
    expect(
      (await h.app.inject({ method: 'POST', url: '/ops/views/attribution/nothing/rebuild', headers: admin }))
        .statusCode,
    ).toBe(404);
    expect(
      (await h.app.inject({ method: 'POST', url: '/ops/views/attribution/members/rebuild', headers: admin }))
        .statusCode,
    ).toBe(200);
    expect((await h.facts.access.facts('m1'))!.coverage).toHaveLength(1);
  });
});
