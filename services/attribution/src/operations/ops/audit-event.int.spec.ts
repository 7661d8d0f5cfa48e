import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audit, disclosures } from '@provider-access/audit';
import { type Disclosure, PA_AUDIT } from '@provider-access/events';
import { find, onlyGroup, typed } from '../../../test/groups.ts';
import { ADMIN, Harness, inNetwork, NPI, panel } from '../../../test/harness.ts';

const BASE = 'https://pa.example';
const admin = { authorization: `Bearer ${ADMIN}` };
const MINUTE = 60_000;

interface Event {
  readonly id: string;
  readonly meta: { readonly profile?: readonly string[] };
  readonly recorded: string;
  readonly outcome: string;
  readonly outcomeDesc?: string;
  readonly type: Coding;
  readonly subtype: readonly Coding[];
  readonly action: string;
  readonly agent: readonly Agent[];
  readonly source: { readonly observer: unknown };
  readonly entity?: readonly Entity[];
}
interface Coding {
  readonly system: string;
  readonly code: string;
}
interface Agent {
  readonly type: { readonly coding: readonly Coding[] };
  readonly who: { readonly identifier: { readonly system: string; readonly value: string }; readonly display?: string };
  readonly network?: unknown;
}
interface Entity {
  readonly type: Coding;
  readonly role?: Coding;
  readonly what?: { readonly reference?: string; readonly type?: string };
  readonly query?: string;
  readonly description?: string;
  readonly detail?: readonly { readonly type: string; readonly valueString: string }[];
}
interface Bundle {
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly { readonly fullUrl: string; readonly resource: Event }[];
}

let h: Harness;
let app: { authorization: string };

const REFUSED = { outcome: 'refused', reason: 'opted-out' } as const;
/** 400 entries of everything that the platform writes, one a minute. */
async function recordMany(): Promise<void> {
  const audit = h.app.get(Audit, { strict: false });
  const actions = ['read', 'search', 'group-read', 'group-search', 'export-requested', 'download'] as const;
  for (let i = 0; i < 400; i++) {
    const action = actions[i % 6]!;
    const refused = i % 5 === 0;
    const members = i % 7 === 0 ? [] : i % 50 === 1 ? Array.from({ length: 260 }, (_, n) => `m${n}`) : [`m${i % 9}`];
    const entry = {
      client: `c${(i * 7) % 4}`,
      action,
      ...(refused ? REFUSED : { outcome: 'released' as const }),
      members,
      resources: refused ? 0 : members.length,
      types: [action.startsWith('group') ? 'Group' : 'Condition'],
      ...(i % 6 > 1 && { group: `g${i % 3}` }),
      ...(i % 6 > 3 && { job: `job-${i % 4}` }),
      ...(action === 'search' && { query: 'category=laboratory&patient' }),
    };
    await audit.record(entry);
    h.now += MINUTE;
  }
}
beforeAll(async () => {
  h = await new Harness().start();
  await h.publish(inNetwork(), ...panel('m1'));
  await recordMany();
  await passed();
  // A token lives five minutes, and the entries took hours.
  app = await h.app1('c1', [`npi|${NPI}`]);
}, 120_000);
afterAll(() => h.stop());

async function passed(): Promise<void> {
  const reader = h.ports.views.reader(disclosures);
  expect(await reader.waitFor(await h.log.head([PA_AUDIT]), 60_000)).toBe(true);
}
const bundleOf = async (query: string): Promise<Bundle> => {
  const response = await h.get(`/ops/audit/AuditEvent?${query}`, admin);
  expect([response.statusCode, response.headers['content-type']], response.body).toEqual([
    200,
    'application/fhir+json; charset=utf-8',
  ]);
  return response.json<Bundle>();
};
async function all(query: string): Promise<{ events: Event[]; pages: number }> {
  const events: Event[] = [];
  let pages = 0;
  for (let next: string | undefined = query; next !== undefined; pages++) {
    const bundle: Bundle = await bundleOf(next);
    for (const { resource, fullUrl } of bundle.entry ?? []) {
      expect(fullUrl).toBe(`${BASE}/ops/audit/AuditEvent/${resource.id}`);
      events.push(resource);
    }
    const link = bundle.link.find(({ relation }) => relation === 'next')?.url;
    expect(link?.startsWith(`${BASE}/ops/audit/AuditEvent?`) ?? true).toBe(true);
    next = link?.slice(link.indexOf('?') + 1);
  }
  return { events, pages };
}
const membersOf = (event: Event): string[] =>
  (event.entity ?? [])
    .filter(({ type }) => type.code === '1')
    .map(({ what }) => what!.reference!.replace(`${BASE}/fhir/Patient/`, ''));

describe('AuditEvents', () => {
  it.each([
    'patient=m1',
    'patient=Patient/m2&outcome=0',
    `patient=${BASE}/fhir/Patient/m3&agent=c1`,
    'entity=Patient/m4&outcome=4&agent=c2',
    'agent=c0',
    'agent=c3&outcome=4',
    `agent:identifier=${encodeURIComponent(`${BASE}/auth/clients|c2`)}&entity=Group/g1`,
    'entity=Group/g0&date=ge2000&outcome=http://terminology.hl7.org/CodeSystem/audit-event-outcome%7C4',
    'date=ge2000&outcome=0',
    'date=gt2000&_count=7',
    'patient=m1&entity=Group/g2&_count=3',
    'agent=nobody',
    // Each has an index, so it needs no other parameter.
    'outcome=4',
    'outcome=0&_count=9',
    'entity=Group/g1',
  ])('found by %s are those of the entries that fit, each once, newest first, over all pages', async (query) => {
    const parameters = new URLSearchParams(query);
    const member = (parameters.get('patient') ?? parameters.get('entity')?.match(/Patient\/.*/)?.[0])?.replace(
      /^.*Patient\//,
      '',
    );
    const client = parameters.get('agent') ?? parameters.get('agent:identifier')?.replace(/^.*\|/, '');
    const group = parameters.get('entity')?.match(/^Group\/(.*)$/)?.[1];
    const outcome = parameters.get('outcome')?.endsWith('4') ? 'refused' : 'released';
    const entries = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')) as unknown as Disclosure[];
    const expected = entries
      .filter(
        (e) =>
          e.client !== 'administrator' &&
          (member === undefined || e.members.includes(member)) &&
          (client === undefined || e.client === client) &&
          (group === undefined || e.group === group) &&
          (!parameters.has('outcome') || e.outcome === outcome),
      )
      .flatMap((e) =>
        Array.from({ length: member === undefined ? Math.max(1, Math.ceil(e.members.length / 250)) : 1 }, () => e.at),
      )
      .toSorted()
      .toReversed();
    const { events, pages } = await all(query);
    // Each of these searches is a look of the administrator, which later searches find.
    const of = events.filter((event) => !JSON.stringify(event).includes('"administrator"'));
    expect(of.map(({ recorded }) => recorded)).toEqual(expected);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(pages).toBe(Math.max(1, Math.ceil(events.length / Number(parameters.get('_count') ?? 50))));
    if (member !== undefined) for (const event of events) expect(membersOf(event)).toEqual([member]);
  });

  it('are bounded by dates of every precision', async () => {
    const { events } = await all('date=ge2000');
    const times = events.map(({ recorded }) => recorded);
    const middle = times[200]!;
    const later = new Date(Date.parse(middle) + 5 * MINUTE).toISOString();
    const within = (keep: (at: string) => boolean): string[] => times.filter(keep);
    const found = async (query: string): Promise<string[]> => (await all(query)).events.map(({ recorded }) => recorded);
    expect(await found(`date=ge${middle}`)).toEqual(within((at) => at >= middle));
    expect(await found(`date=gt${middle}&date=le${later}`)).toEqual(within((at) => at > middle && at <= later));
    expect(await found(`date=lt${middle}&agent=c1`)).toEqual(
      events.filter((e) => e.recorded < middle && e.agent[0]!.who.identifier.value === 'c1').map((e) => e.recorded),
    );
    expect(await found(`date=${middle.slice(0, 10)}`)).toEqual(within((at) => at.startsWith(middle.slice(0, 10))));
    expect(await found(`date=eq${middle}`)).toEqual(within((at) => at === middle));
    expect(await found('date=lt1990')).toEqual([]);
  });

  it('are read by their id, as the search has them', async () => {
    for (const query of ['patient=m1&_count=20', 'date=ge2000&_count=60']) {
      const { entry = [] } = await bundleOf(query);
      expect(entry.length).toBeGreaterThan(10);
      for (const { resource } of entry) {
        expect(resource.id).toMatch(/^[A-Za-z0-9\-.]{1,64}$/);
        const read = await h.get(`/ops/audit/AuditEvent/${resource.id}`, admin);
        expect([read.statusCode, read.json()]).toEqual([200, resource]);
      }
    }
    const id = (await bundleOf('patient=m1&_count=1')).entry![0]!.resource.id;
    for (const unknown of [
      'x',
      '..',
      `${id}.999`,
      `${id.slice(0, -1)}9999`,
      id.replace(/^\d{17}/, '20200101000000000'),
      '%00',
    ])
      expect((await h.get(`/ops/audit/AuditEvent/${unknown}`, admin)).statusCode, unknown).toBe(404);
  });

  it('have the elements of the Basic Audit Log Patterns, and a profile only where they fit', async () => {
    const { events } = await all('date=ge2000');
    const profiles = new Set<string>();
    for (const event of events) {
      const persons = membersOf(event).length;
      const [profile] = event.meta.profile ?? [];
      const name = profile?.replace('https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.', '');
      expect(event.outcome === '0' || profile === undefined).toBe(true);
      if (name === undefined) continue;
      profiles.add(name);
      const role = (code: string): Agent[] =>
        event.agent.filter(({ type }) => type.coding.some((c) => c.code === code && c.system.endsWith('/DCM')));
      // The elements of the published profiles: each role once, with who and network.
      for (const code of ['110152', '110153'])
        expect(role(code).map(({ who, network }) => [who !== undefined, network !== undefined])).toEqual([
          [true, true],
        ]);
      const system = (event.entity ?? []).filter(({ type }) => type.code === '2');
      if (name === 'PatientRead' || name === 'Read') {
        expect([event.type.code, event.action, event.subtype[0]!.code]).toEqual(['rest', 'R', 'read']);
        expect(role('110152')[0]!.who.identifier.system).toBe(`${BASE}/auth/clients`);
        expect(system).toMatchObject([{ role: { code: '4' }, what: {} }]);
      } else if (name === 'PatientQuery' || name === 'Query') {
        expect([event.type.code, event.action, event.subtype[0]!.code]).toEqual(['rest', 'E', 'search-type']);
        expect(role('110153')[0]!.who.identifier.system).toBe(`${BASE}/auth/clients`);
        expect(system).toHaveLength(1);
        expect(system[0]).not.toHaveProperty('what');
        expect(Buffer.from(system[0]!.query!, 'base64').toString()).toBe(system[0]!.description);
      } else {
        expect([event.type.code, event.action, event.subtype[0]!.code]).toEqual(['110106', 'R', 'disclose']);
        expect(role('110153')[0]!.who).toEqual(event.source.observer);
        expect((event.entity ?? []).length).toBeGreaterThan(1);
      }
      expect(persons === 1).toBe(!['Read', 'Query'].includes(name));
    }
    expect([...profiles].toSorted()).toEqual([
      'PatientQuery',
      'PatientRead',
      'PrivacyDisclosure.Source',
      'Query',
      'Read',
    ]);
  });

  it('tell who was given what, by which Group, and why it was refused', async () => {
    await find(h, app);
    const { id } = await onlyGroup(h, app);
    expect((await h.get(`/fhir/Group/${id}`, app)).statusCode).toBe(200);
    expect((await h.get('/fhir/Group/unheard-of', app)).statusCode).toBe(404);
    await passed();
    const { events } = await all(`agent=c1&date=ge${new Date(h.now).toISOString()}`);
    const read = events.find((e) => e.subtype[0]!.code === 'read' && e.outcome === '0')!;
    expect(read).toMatchObject({
      purposeOfEvent: [{ coding: [{ code: 'TREAT' }] }],
      entity: [
        { what: { reference: `${BASE}/fhir/Patient/m1` }, detail: [{ type: 'resources', valueString: '1' }] },
        { what: { reference: `${BASE}/fhir/Group/${id}` } },
      ],
    });
    expect(read.agent.map(({ who }) => who.identifier.value)).toEqual(['c1', BASE, NPI]);
    expect(events.find((e) => e.outcome === '4')).toMatchObject({ outcomeDesc: 'group-unknown', action: 'R' });
  });

  it('tell of each 400 and 403 of an app with their number, and of no refused token of a stranger', async () => {
    const started = new Date(h.now).toISOString();
    const wide = await h.app1('c-wide', [`npi|${NPI}`]);
    const narrow = await h.app1('c-narrow', [`npi|${NPI}`], 'system/Patient.rs');
    const refuse = async (path: string, headers: typeof app, status: number): Promise<void> => {
      expect((await h.get(path, headers)).statusCode).toBe(status);
      h.now++;
    };
    for (let i = 0; i < 3; i++) await refuse('/fhir/Group?Jane=Doe', wide, 400);
    await refuse('/fhir/Group?_summary=every', wide, 400);
    for (let i = 0; i < 2; i++) await refuse('/fhir/Group?_summary=count', narrow, 403);
    // What auth counts, of nobody and of somebody who only says the name of an app.
    const audit = h.app.get(Audit, { strict: false });
    const counted = { action: 'token', outcome: 'refused', reason: 'invalid_client', count: 7 } as const;
    for (const client of ['unknown', 'c-wide']) await audit.record({ client, members: [], resources: 0, ...counted });
    // The minute ends, and the next refusal tells how many there were.
    h.now += MINUTE;
    await refuse('/fhir/Group?Jane=Doe', wide, 400);
    await refuse('/fhir/Group?_summary=count', narrow, 403);
    await passed();
    const told = async (client: string): Promise<unknown[]> =>
      (await all(`agent=${client}&outcome=4&date=ge${started}`)).events
        .toReversed()
        .map(({ outcomeDesc, subtype, entity = [] }) => [
          outcomeDesc,
          subtype[0]!.code,
          entity.flatMap(({ detail = [] }) => detail),
        ]);
    const requests = (n: number) => [{ type: 'requests', valueString: String(n) }];
    expect(await told('c-wide')).toEqual([
      ['not-supported', 'search-type', requests(1)],
      ['invalid-value', 'search-type', requests(1)],
      ['not-supported', 'search-type', requests(3)],
    ]);
    expect(await told('c-narrow')).toEqual([
      ['insufficient-scope', 'search-type', requests(1)],
      ['insufficient-scope', 'search-type', requests(2)],
    ]);
    expect(await told('unknown')).toEqual([]);
  });

  it.each([
    ['', 'patient, agent, date, outcome or entity'],
    ['_count=5', 'patient, agent, date, outcome or entity'],
    ['patient=../x', 'Patient/<id>'],
    ['patient=m1,m2', 'Patient/<id>'],
    ['patient=m1&patient=m2', 'once'],
    ['patient=', 'Patient/<id>'],
    ['patient=m1&entity=Patient/m2', 'two members'],
    ['agent=', 'client id'],
    ['agent=%E2%80%AE', 'client id'],
    ['agent=c1&agent:identifier=c2', 'agent'],
    ['agent:identifier=http://elsewhere%7Cc1', 'agent:identifier'],
    ['date=yesterday', 'date must be'],
    ['date=ne2026', 'date must be'],
    ['date=2026-02-30', 'date must be'],
    ['agent=c1&outcome=8', 'outcome must be'],
    ['agent=c1&outcome=', 'outcome must be'],
    ['agent=c1&entity=Condition/c1', 'entity must be'],
    ['agent=c1&_count=0', '_count'],
    ['agent=c1&_count=-1', '_count'],
    ['agent=c1&_page=x', 'page link'],
    [`agent=c1&_page=${Buffer.from('2026-01-01').toString('base64url')}`, 'page link'],
    ['agent=c1&name=Jane', 'it has patient'],
    ['patient:missing=true', 'it has patient'],
  ])('refuse the search "%s"', async (query, text) => {
    const refused = await h.get(`/ops/audit/AuditEvent?${query}`, admin);
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining(text)]);
    expect(refused.body).not.toContain('Jane');
  });

  it('are for the administrator alone', async () => {
    const { id } = (await bundleOf('patient=m1&_count=1')).entry![0]!.resource;
    const page = 'page=x';
    for (const path of ['AuditEvent?patient=m1', `AuditEvent/${id}`, 'AuditEvent/x', `AuditEvent?${page}`])
      for (const headers of [{}, app, { authorization: 'Bearer x' }, { authorization: 'Basic x' }])
        expect((await h.get(`/ops/audit/${path}`, headers as never)).statusCode, path).toBe(401);
    for (const path of ['/fhir/AuditEvent?patient=m1', `/fhir/AuditEvent/${id}`, '/ops/AuditEvent?patient=m1'])
      expect((await h.get(path, admin)).statusCode, path).toBe(404);
  });
});

describe('the accounting of disclosures of a member', () => {
  it('is paged, each disclosure once; since and until bound it', async () => {
    const whole = (await h.get('/ops/disclosures?member=m1', admin)).json<{
      disclosures: Disclosure[];
      next?: string;
    }>();
    expect(whole.next).toBeUndefined();
    const paged: Disclosure[] = [];
    for (let next: string | undefined = '/ops/disclosures?member=m1&limit=7'; next !== undefined;) {
      const answer = await h.get(next, admin);
      const page: { disclosures: Disclosure[]; next?: string } = answer.json();
      expect(page.disclosures.length).toBeLessThanOrEqual(7);
      paged.push(...page.disclosures);
      next = page.next;
    }
    expect(paged).toEqual(whole.disclosures);
    const [since, until] = [paged[30]!.at, paged[10]!.at];
    expect((await h.get(`/ops/disclosures?member=m1&since=${since}&until=${until}`, admin)).json()).toEqual({
      member: 'm1',
      disclosures: paged.filter(({ at }) => at >= since && at < until),
    });
  });

  it.each([
    'member=../x',
    'member=m1&since=yesterday',
    'member=m1&until=2026-01-01',
    'member=m1&limit=0',
    'member=m1&limit=1001',
    'member=m1&page=x',
    '',
  ])('refuses %s', async (query) => {
    expect((await h.get(`/ops/disclosures?${query}`, admin)).statusCode).toBe(400);
    if (!/limit|page/.test(query))
      expect((await h.get(`/ops/disclosures/document?${query}`, admin)).statusCode).toBe(400);
  });

  it('is a page to print, for the administrator alone', async () => {
    const page = await h.get('/ops/disclosures/document?member=m1', admin);
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    const { disclosures: listed } = (await h.get('/ops/disclosures?member=m1', admin)).json<{
      disclosures: Disclosure[];
    }>();
    const given = listed.filter((d) => d.outcome === 'released' && d.action !== 'export-requested');
    expect(page.body.match(/<tr><td>/g)).toHaveLength(given.length);
    expect(page.body).not.toMatch(/opted-out|<script|\bm2\b/);
    expect((await h.get('/ops/disclosures/document?member=m1', app)).statusCode).toBe(401);
  });
});
