import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bulkExport, Server, type PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { SERVICES, type ServiceName } from './gateway.ts';
import { freshPlatform, IN_CLUSTER, instancesOf, registerApp, type Fresh, type TestApp } from './harness.ts';
import { holdsExactly, versionsOf } from './interrupted.ts';
import { byMembers } from './payers.ts';
import { consent, FHIR, portalToken } from './portal.ts';
import { findGroup, http, json, optIn, optOut, takesEffect } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

/**
 * The main scenario, as in the demo on the standalone: resources are published, found, read, and exported while a
 * member opts out. The result is compared with the ledger.
 */
const payer = sharedPayer();
const [mine, theirs] = [byMembers(payer)[0]!, byMembers(payer)[1]!];
let fresh: Fresh;
let platform: PlatformProcess;
let app: TestApp;
let token: string;

beforeAll(async () => {
  fresh = await freshPlatform({ env: LIMITS, shared: payer });
  platform = fresh.platform();
  app = await registerApp(platform, { name: 'Road', npi: mine.npi, tin: mine.tin });
  token = await app.tokens.get();
});
afterAll(() => fresh?.dispose());

test('a provider finds its Group with each of its members, and another provider does not', async () => {
  const group = await findGroup(platform, token, mine.npi);
  expect(group.quantity).toBe(mine.visible.length);
  expect(group.member?.map((m) => m.entity.reference).sort()).toEqual(
    mine.visible.map((m) => `Patient/${m.member}`).sort(),
  );
  const other = await registerApp(platform, { name: 'Other road', npi: theirs.npi, tin: theirs.tin });
  expect((await http(`${platform.base}/fhir/Group/${group.id}`, { token: await other.tokens.get() })).status).toBe(404);
});

test('it reads and searches what the payer published of a member, page by page', async () => {
  const { member, perType, resources } = mine.visible.find((m) => (m.perType['Observation'] ?? 0) > 4)!;
  expect(json<{ id: string }>(await http(`${platform.base}/fhir/Patient/${member}`, { token })).id).toBe(member);
  const found: string[] = [];
  for (
    let url: string | undefined = `${platform.base}/fhir/Observation?patient=${member}&_count=4`;
    url !== undefined;
  ) {
    const page: { entry?: { resource: { id: string } }[]; link: { relation: string; url: string }[] } = json(
      await http(url, { token }),
    );
    found.push(...(page.entry ?? []).map(({ resource }) => `Observation/${resource.id}`));
    url = page.link.find(({ relation }) => relation === 'next')?.url;
  }
  expect(found).toHaveLength(perType['Observation']!);
  expect(found.sort()).toEqual([...resources.keys()].filter((about) => about.startsWith('Observation/')).sort());
});

test('it searches by code, date and category, and finds a member by name and identifier', async () => {
  type Found = {
    total?: number;
    entry?: { resource: Record<string, never> & { id: string }; search: { mode: string } }[];
  };
  const { member, perType } = mine.visible.find((m) => (m.perType['Observation'] ?? 0) > 4)!;
  const ask = async (path: string): Promise<Found> => json(await http(`${platform.base}/fhir/${path}`, { token }));
  const ids = ({ entry = [] }: Found, mode = 'match'): string[] =>
    entry.filter(({ search }) => search.mode === mode).map(({ resource }) => resource.id);
  type Dated = { id: string; code: { coding: { system: string; code: string }[] }; effectiveDateTime: string };
  const all = (await ask(`Observation?patient=${member}&_count=200`)).entry!.map(
    ({ resource }) => resource as unknown as Dated,
  );
  const { system, code } = all[0]!.code.coding[0]!;
  const coded = all.filter(({ code: { coding } }) => coding.some((c) => c.system === system && c.code === code));
  expect(ids(await ask(`Observation?patient=${member}&code=${system}|${code}`))).toEqual(coded.map(({ id }) => id));
  const day = coded[0]!.effectiveDateTime.slice(0, 10);
  expect(ids(await ask(`Observation?patient=${member}&code=${code}&date=${day}`))).toEqual(
    coded.filter(({ effectiveDateTime }) => effectiveDateTime.startsWith(day)).map(({ id }) => id),
  );
  expect((await ask(`Observation?patient=${member}&_summary=count`)).total).toBe(perType['Observation']);
  expect(ids(await ask(`Observation?patient=${member}&_sort=-date&_count=200`))).toHaveLength(all.length);
  const about = (await ask(`Patient?_id=${member}&_revinclude=Provenance:target`)) as Found;
  expect(ids(about)).toEqual([member]);
  const { name, identifier } = about.entry![0]!.resource as unknown as {
    name: { family: string }[];
    identifier: { system: string; value: string }[];
  };
  const post = async (form: Record<string, string>): Promise<Found> =>
    json(
      await http(`${platform.base}/fhir/Patient/_search`, {
        token,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      }),
    );
  expect(ids(await post({ family: name[0]!.family }))).toContain(member);
  expect(ids(await post({ identifier: `${identifier[0]!.system}|${identifier[0]!.value}` }))).toEqual([member]);
  // A member of another provider is not found by any name.
  const foreign = theirs.visible.find((m) => !mine.visible.some((v) => v.member === m.member))!.member;
  expect(ids(await ask(`Patient?identifier=${foreign}`))).toEqual([]);
  expect(await ask(`Observation?patient=${foreign}&code=${code}&_total=accurate`)).toMatchObject({ total: 0 });
});

/** Consumer groups whose lag a service reports. */
const GROUPS: Readonly<Partial<Record<ServiceName, string>>> = {
  attribution: 'attribution-intake',
  consent: 'consent-intake',
  resources: 'resources-intake',
  export: 'export-work',
};
test.skipIf(IN_CLUSTER)(
  'each process reports its engine, how far it is behind, and its views (not through the ingress, which routes to ' +
    'none of it)',
  async () => {
    for (const service of SERVICES)
      for (const base of instancesOf(platform, service)) {
        const metrics = async (): Promise<string> => (await http(`${base}/metrics`)).body.toString();
        expect(await metrics(), service).toContain('pa_engine_reachable{engine="kafka"} 1');
        const group = GROUPS[service];
        if (group !== undefined) {
          const caughtUp = new RegExp(`pa_log_oldest_unhandled_seconds\\{topic="[a-z.-]+",group="${group}"\\} 0\n`);
          await eventually(async () => expect(await metrics()).toMatch(caughtUp));
          expect(await metrics(), service).toContain(`pa_facts_age_seconds{service="${service}"} `);
        }
        const views = await http(`${base}/ops/views/${service}`, { token: platform.administratorToken });
        expect([service, views.status, Array.isArray(json<{ views: unknown }>(views).views)]).toEqual([
          service,
          200,
          true,
        ]);
      }
  },
);

test.skipIf(IN_CLUSTER)(
  'N20 N21 N22 N23 N25 the portal of the payer takes decisions through the gateway, and an app gets 404 (not in the ' +
    'cluster, whose secrets the test does not know)',
  async () => {
    const portal = portalToken(fresh);
    const { member } = mine.visible.at(-1)!;
    const url = `${platform.base}/fhir/Consent`;
    const create = async (type: 'deny' | 'permit') =>
      http(url, {
        method: 'POST',
        token: portal,
        headers: { 'content-type': FHIR },
        body: JSON.stringify(consent(member, type, [mine.npi])),
      });
    const read = async (): Promise<number> =>
      (await http(`${platform.base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status;
    expect([(await create('deny')).status, await read()]).toEqual([201, 404]);
    const found = async () =>
      json<{ entry: { resource: { id: string; provision: { type: string } } }[] }>(
        await http(`${url}?patient=${member}`, { token: portal }),
      ).entry.map(({ resource }) => resource);
    const [stated] = await found();
    expect(stated).toMatchObject({ provision: { type: 'deny' } });
    for (const path of [`/${stated!.id}`, `/${stated!.id}/_history`, `?patient=${member}`]) {
      expect([path, (await http(`${url}${path}`, { token: portal })).status]).toEqual([path, 200]);
      expect([path, (await http(`${url}${path}`, { token: await app.tokens.get() })).status]).toEqual([path, 404]);
    }
    expect([(await create('permit')).status, await read()]).toEqual([201, 200]);
    expect((await found()).map(({ provision }) => provision.type).toSorted()).toEqual(['deny', 'permit']);
  },
);

test('it exports what the ledger says, without the member who opts out while the export runs', async () => {
  const [leaver] = mine.visible.map((m) => m.member) as [string];
  const group = await findGroup(platform, token, mine.npi);
  const result = await bulkExport({
    server: new Server(platform.base),
    token: () => app.tokens.get(),
    group: group.id,
    out: join(fresh.folder, 'files'),
    onAccepted: () => takesEffect(platform, optOut(leaver)),
  });
  await holdsExactly(result.files, payer, mine.npi, new Set([leaver]));
  expect(await versionsOf(result.files, payer, mine.npi)).toEqual([]);
  const given = `${platform.base}/ops/disclosures?member=${mine.visible[1]!.member}`;
  const { disclosures } = json<{ disclosures: { client: string }[] }>(
    await http(given, { token: platform.administratorToken }),
  );
  expect(disclosures.map(({ client }) => client)).toContain(app.clientId);
  await takesEffect(platform, optIn(leaver));
});
