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

const random = new Random(seed);
/** By type: the resources as a token for everything finds them. */
const stored = new Map<string, readonly FhirResource[]>();
let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.approve('app1');
  for (const member of MEMBERS) await house.attribute(member);
  let n = 0;
  for (const member of MEMBERS)
    for (const type of TYPES)
      for (let i = 0; i < EACH; i++) {
        const { meta: _meta, ...drawn } = randomResource(random, type);
        const patient = { [PATIENT_ELEMENT[type]!]: { reference: `Patient/${member}` } };
        const id = `${member}-${type}-${i}`;
        const time = new Date(Date.UTC(2025, 0, 1) + (n += 1) * 1000).toISOString();
        const resource = { ...drawn, id, ...patient, meta: {} } as FhirResource;
        const about = { member, type, id, versionId: 1, lastUpdated: time, businessTime: time, sequence: 0 };
        const keys = { tokens: indexKeys(resource), tokensBy: KEYS_VERSION, labels: [], labelsBy: labelRules() };
        const data = { ...about, contentHash: 'h', references: [], ...keys, line: JSON.stringify(resource) };
        // Directly into the topic: intake would refuse most of what is drawn.
        const event = encodeEvent(
          { id: `e${n}`, source: '/resources', type: 'pa.record-accepted.v1', time, data },
          { key: recordId(member, type, id), partitionKey: member },
        );
        await house.log.append(PA_RECORDS, [event]);
      }
  const head = await house.log.head([PA_RECORDS]);
  for (const view of [house.records.views.records, house.records.views.search])
    if (!(await view.waitFor(head, 60_000))) throw new Error('the views did not settle');
  const all = await house.token('app1');
  for (const type of TYPES) {
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
function drawnPart(type: string): Drawn {
  const parameters = searchOf(type)!.parameters.filter(({ owner, name }) => owner !== true && !name.startsWith('_'));
  const drawn = Array.from({ length: 1 + random.below(2) }, () =>
    randomCondition(random, random.one(parameters), random.one(stored.get(type)!)),
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
