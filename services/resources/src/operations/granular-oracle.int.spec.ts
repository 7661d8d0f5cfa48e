import { afterAll, beforeAll, expect, it } from 'vitest';
import { labelRules } from '@provider-access/domain/pdex/labels';
import { readPart } from '@provider-access/domain/smart';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { recordId } from '@provider-access/records';
import { type FhirResource, indexKeys, KEYS_VERSION, PATIENT_ELEMENT, SEARCH, searchOf } from '@provider-access/fhir';
import {
  cases,
  type Condition,
  Random,
  randomCondition,
  randomResource,
  satisfies,
  seed,
} from '@provider-access/testing/search';
import { House, type Loose } from '../../test/harness.ts';

/**
 * Random scopes on parts of types, against the oracle of search (APPS.md P53): what a token reads and finds over HTTP
 * is what satisfies one of its scopes, of everything that a token for the whole type finds.
 */

const BASE = 'https://pa.example.org/fhir';
const MEMBERS = ['m1', 'm2'];
const TYPES = ['Observation', 'Condition', 'Encounter', 'Immunization'];
const EACH = 5;
const SCOPES = cases(60);
const PROVENANCES = 12;

const random = new Random(seed);
/** By type: the resources as a token for everything finds them. */
const stored = new Map<string, readonly FhirResource[]>();
/** Whom care teams name, by name. */
const practitioners = new Map<string, FhirResource>();
/** The targets of each Provenance. */
const provenances = new Map<string, readonly string[]>();
let house: House;

function drawnResource(type: string): FhirResource {
  const { meta: _meta, ...drawn } = randomResource(random, type);
  return { ...drawn, meta: {} } as unknown as FhirResource;
}
const drawnNames = (names: readonly string[]): readonly string[] => [
  ...new Set(Array.from({ length: 1 + random.below(2) }, () => random.one(names))),
];
let appended = 0;
/** Directly into the topic: intake would refuse most of what is drawn. */
async function append(member: string, resource: FhirResource, references: readonly string[]): Promise<void> {
  const { resourceType: type, id = '' } = resource;
  const time = new Date(Date.UTC(2025, 0, 1) + (appended += 1) * 1000).toISOString();
  const about = { member, type, id, versionId: 1, lastUpdated: time, businessTime: time, sequence: 0 };
  const keys = { tokens: indexKeys(resource), tokensBy: KEYS_VERSION, labels: [], labelsBy: labelRules() };
  const data = { ...about, contentHash: 'h', references, ...keys, line: JSON.stringify(resource) };
  const event = encodeEvent(
    { id: `e${appended}`, source: '/resources', type: 'pa.record-accepted.v1', time, data },
    { key: recordId(member, type, id), partitionKey: member },
  );
  await house.log.append(PA_RECORDS, [event]);
}

beforeAll(async () => {
  house = await House.open();
  await house.approve('app1');
  for (const member of MEMBERS) await house.attribute(member);
  for (let i = 0; i < EACH; i++) {
    const resource = { ...drawnResource('Practitioner'), id: `p-${i}` };
    practitioners.set(`Practitioner/p-${i}`, resource);
    await append('shared', resource, []);
  }
  for (const member of MEMBERS) {
    for (const type of [...TYPES, 'CareTeam'])
      for (let i = 0; i < EACH; i++) {
        const patient = { [PATIENT_ELEMENT[type]!]: { reference: `Patient/${member}` } };
        const references = type === 'CareTeam' ? drawnNames([...practitioners.keys()]) : [];
        const participant = references.map((reference) => ({ member: { reference } }));
        const team = type === 'CareTeam' ? { participant } : {};
        await append(member, { ...drawnResource(type), id: `${member}-${type}-${i}`, ...patient, ...team }, references);
      }
    for (let i = 0; i < PROVENANCES; i++) {
      const targets = drawnNames(TYPES.flatMap((type) => [0, 1, 2, 3, 4].map((n) => `${type}/${member}-${type}-${n}`)));
      const target = targets.map((reference) => ({ reference }));
      const resource = {
        resourceType: 'Provenance',
        id: `${member}-of-${i}`,
        target,
        recorded: '2025-01-01T00:00:00Z',
      };
      provenances.set(`Provenance/${resource.id}`, targets);
      await append(member, resource, targets);
    }
  }
  const head = await house.log.head([PA_RECORDS]);
  for (const view of [house.records.views.records, house.records.views.search])
    if (!(await view.waitFor(head, 60_000))) throw new Error('the views did not settle');
  const all = await house.token('app1');
  for (const type of [...TYPES, 'CareTeam']) {
    const { entry = [] } = (await house.call('GET', `/fhir/${everything(type)}`, { token: all })).json() as Loose;
    stored.set(
      type,
      entry.map(({ resource }: Loose) => resource as FhirResource),
    );
    expect(stored.get(type)!.length, type).toBeGreaterThan(EACH);
  }
}, 60_000);
afterAll(() => house.close());

const everything = (type: string): string => `${type}?patient=${MEMBERS.join()}&_count=200`;
interface Drawn {
  readonly text: string;
  readonly all: readonly Condition[];
}
/** Conditions on a type, and the text that means the same. */
function drawnPart(type: string, pool = stored.get(type)!): Drawn {
  const parameters = searchOf(type)!.parameters.filter(({ owner, name }) => owner !== true && !name.startsWith('_'));
  const drawn = Array.from({ length: 1 + random.below(2) }, () =>
    randomCondition(random, random.one(parameters), random.one(pool)),
  );
  const text = drawn.map(({ key, value }) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
  return { text, all: drawn.map(({ condition }) => condition) };
}
const isIn = ({ all }: Drawn, resource: FhirResource): boolean =>
  all.every((condition) => satisfies(condition, resource, BASE));

it('P53 reads, histories, searches and counts have what satisfies one of the scopes, and nothing else', async () => {
  expect(Object.keys(SEARCH)).toEqual(expect.arrayContaining(TYPES));
  let some = 0;
  let outside = 0;
  for (let n = 0; n < SCOPES; n++) {
    const type = random.one(TYPES);
    const parts = Array.from({ length: 1 + random.below(2) }, () => drawnPart(type)).filter(
      ({ text }) => readPart(`${type}?${text}`) !== undefined,
    );
    if (parts.length === 0) continue;
    const scope = parts.map(({ text }) => `system/${type}.rs?${text}`).join(' ');
    const token = await house.token('app1', scope);
    const get = (path: string) => house.call('GET', `/fhir/${path}`, { token });
    const all = stored.get(type)!;
    const idsOf = (resources: readonly FhirResource[]): readonly string[] => resources.map(({ id }) => id!).toSorted();
    const within = all.filter((resource) => parts.some((part) => isIn(part, resource)));
    const { entry = [] } = (await get(everything(type))).json() as Loose;
    expect([scope, entry.map(({ resource }: Loose) => resource.id).toSorted()]).toEqual([scope, idsOf(within)]);
    // A search of its own within the scope.
    const asked = drawnPart(type);
    const found = await get(`${everything(type)}&${asked.text}&_total=accurate`);
    if (found.status === 200)
      expect([scope, asked.text, (found.json() as Loose).total]).toEqual([
        scope,
        asked.text,
        within.filter((resource) => isIn(asked, resource)).length,
      ]);
    for (const { id } of [random.one(all), random.one(all)]) {
      const isWithin = within.some((resource) => resource.id === id);
      for (const path of [`${type}/${id}`, `${type}/${id}/_history`, `${type}/${id}/_history/1`])
        expect([scope, path, (await get(path)).status]).toEqual([scope, path, isWithin ? 200 : 404]);
      if (!isWithin) outside += 1;
    }
    if (within.length > 0 && within.length < all.length) some += 1;
  }
  // Most scopes tell resources apart.
  expect(some).toBeGreaterThan(SCOPES / 4);
  expect(outside).toBeGreaterThan(SCOPES / 4);
}, 600_000);

/** Parts of a type, and those of its resources that satisfy one of them. */
function drawnScope(type: string, resources: readonly FhirResource[]) {
  const parts = Array.from({ length: 1 + random.below(2) }, () => drawnPart(type, resources)).filter(
    ({ text }) => readPart(`${type}?${text}`) !== undefined,
  );
  return {
    scope: parts.map(({ text }) => `system/${type}.rs?${text}`).join(' '),
    within: resources.filter((resource) => parts.some((part) => isIn(part, resource))),
  };
}
const nameOf = ({ resourceType, id }: FhirResource): string => `${resourceType}/${id}`;

it('P53 includes bring what satisfies one of the scopes, from what the search found within its own', async () => {
  let some = 0;
  const bring = async (path: string, scope: string): Promise<{ match: string[]; include: string[] }> => {
    const token = await house.token('app1', scope);
    const { entry = [] } = (await house.call('GET', `/fhir/${path}`, { token })).json() as Loose;
    const of = (mode: string): string[] =>
      entry.flatMap((each: Loose) => (each.search.mode === mode ? [nameOf(each.resource)] : [])).toSorted();
    return { match: of('match'), include: of('include') };
  };
  for (let n = 0; n < SCOPES / 2; n++) {
    const teams = drawnScope('CareTeam', stored.get('CareTeam')!);
    const members = drawnScope('Practitioner', [...practitioners.values()]);
    if (teams.scope === '' || members.scope === '') continue;
    const named = new Set(
      teams.within.flatMap((team) => (team as Loose).participant.map((p: Loose) => p.member.reference)),
    );
    const brought = members.within.map(nameOf).filter((name) => named.has(name));
    const scope = `${teams.scope} ${members.scope}`;
    expect([scope, await bring(`${everything('CareTeam')}&_include=CareTeam:participant`, scope)]).toEqual([
      scope,
      { match: teams.within.map(nameOf).toSorted(), include: brought.toSorted() },
    ]);
    if (brought.length > 0 && brought.length < named.size) some += 1;
  }
  for (let n = 0; n < SCOPES / 2; n++) {
    const type = random.one(TYPES);
    const { scope: own, within } = drawnScope(type, stored.get(type)!);
    if (own === '') continue;
    const found = new Set(within.map(nameOf));
    const of = [...provenances].filter(([, targets]) => targets.some((target) => found.has(target)));
    const scope = `${own} system/Provenance.rs`;
    expect([scope, await bring(`${everything(type)}&_revinclude=Provenance:target`, scope)]).toEqual([
      scope,
      { match: [...found].toSorted(), include: of.map(([name]) => name).toSorted() },
    ]);
    if (of.length > 0 && found.size < stored.get(type)!.length) some += 1;
  }
  // Most scopes tell resources apart.
  expect(some).toBeGreaterThan(SCOPES / 4);
}, 600_000);
