import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelPolicy, labelRules } from '@provider-access/domain/pdex/labels';
import { readGranted, scopeFaults } from '@provider-access/domain/smart';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import {
  exactKeys,
  type FhirResource,
  indexKeys,
  KEYS_VERSION,
  Matcher,
  parseQuery,
  SEARCH,
  type SearchParameter,
  type SearchQuery,
  targetsOf,
} from '@provider-access/fhir';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import {
  LabelGate,
  patients,
  recordId,
  records,
  RecordsReader,
  searchKeys,
  withinScope,
} from '@provider-access/records';
import { BASE, cases, Random, randomCondition, randomResource, satisfies, seed } from '@provider-access/testing/search';
import { countedViews } from '../../../test/counted-views.ts';
import { byRecord } from './candidates.ts';
import { findPage, type PageCursor } from './page.ts';
import { LabelledRecords } from './labelled-records.ts';
import { VisibleRecords } from './visible-records.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const LABELS = { none: [], ordinary: [`${CODES}|N`], withheld: [`${CODES}|R`], released: [`${CODES}|V`] };
type Labelled = keyof typeof LABELS;
/** Each has resources of each type. Those of `merged` have moved to `m1`, and left tombstones. */
const MEMBERS = ['m1', 'm2', 'merged', 'foreign'];
const SEARCHED = ['m1', 'm2', 'merged', 'nobody'];
const PER_TYPE = 9;
/** More values of one parameter than the index has keys for. */
const MANY = 70;

interface Stored {
  readonly member: string;
  readonly resource: FhirResource;
  readonly isVisible: boolean;
}

/** The parameters that become filters, from the declaration. */
const FILTERS = Object.values(SEARCH).flatMap(({ type, parameters }) =>
  type === 'Group'
    ? []
    : parameters
        .filter(({ name, owner }) => !['_id', '_lastUpdated'].includes(name) && owner === undefined)
        .map((parameter) => ({ type, parameter })),
);

const random = new Random(seed);
const stored: Stored[] = [];
const statements: string[] = [];
let log: MemoryLog;
let set: ProjectionSet;
let views: Views;
let reader: RecordsReader;
let n = 0;

/** With many codes, for a type that has some. */
function withMany(resource: FhirResource): FhirResource {
  const coding = Array.from({ length: MANY }, (_, i) => ({ system: 'urn:many', code: `many-${i}` }));
  if (resource.resourceType === 'Condition') return { ...resource, code: { coding } };
  const name = resource['code'] === undefined ? 'type' : 'code';
  const value = resource[name];
  if (typeof value !== 'object' || value === null) return resource;
  return { ...resource, [name]: Array.isArray(value) ? [{ coding }] : { coding } };
}

/** `former`: as a release before search keys and labels wrote it. */
async function write(member: string, resource: FhirResource, labels: readonly string[], former: boolean) {
  const type = resource.resourceType;
  const at = new Date(Date.UTC(2024, 0, 1) + (n += 1) * 1000).toISOString();
  const common = { member, type, id: resource.id, versionId: 1, lastUpdated: at, businessTime: at, sequence: 0 };
  const security = labels.map((label) => ({ system: CODES, code: label.slice(CODES.length + 1) }));
  const { meta = {}, ...rest } = resource as FhirResource & { meta?: object };
  const { lastUpdated: _at, ...kept } = meta as Record<string, unknown>;
  const line = JSON.stringify({ ...rest, meta: { ...kept, security } });
  const data = {
    ...common,
    contentHash: 'h',
    references: [],
    tokens: former ? [] : indexKeys(resource),
    ...(!former && { tokensBy: KEYS_VERSION, labels, labelsBy: labelRules() }),
    ...(type === 'Provenance' && !former && { targets: targetsOf(resource) }),
    line,
  };
  await append(member, type, resource.id!, 'pa.record-accepted.v1', at, data);
}
async function remove(member: string, { resourceType: type, id }: FhirResource, reason: string): Promise<void> {
  const at = new Date(Date.UTC(2025, 0, 1) + (n += 1) * 1000).toISOString();
  const data = { member, type, id, versionId: 2, lastUpdated: at, businessTime: at, sequence: 0, reason };
  await append(member, type, id!, 'pa.record-deleted.v1', at, data);
}
async function append(member: string, type: string, id: string, name: string, time: string, data: object) {
  const event = { id: `e${n}`, source: '/resources', type: name, time, data };
  await log.append(PA_RECORDS, [encodeEvent(event, { key: recordId(member, type, id), partitionKey: member })]);
}

beforeAll(async () => {
  log = openMemoryLog();
  views = countedViews(openMemoryViews(), statements);
  set = new ProjectionSet({ log, views, projections: [records, searchKeys, patients] });
  await set.start();
  reader = new RecordsReader(views);
  for (const type of new Set(FILTERS.map((each) => each.type)))
    for (const member of MEMBERS)
      for (let i = 0; i < PER_TYPE; i++) {
        const drawn = { ...randomResource(random, type), id: `${type}-${i}` };
        const resource = i === 4 ? withMany(drawn) : drawn;
        const label = (
          ['none', 'none', 'none', 'ordinary', 'none', 'withheld', 'released', 'none', 'withheld'] as const
        )[i]!;
        await write(member, resource, LABELS[label], i === 7);
        const isGone = member === 'merged' ? i < 6 : i === 2;
        if (isGone)
          await remove(member, resource, member === 'merged' ? 'merged' : i === 2 ? 'before-floor' : 'deleted');
        const isWithheld = (label satisfies Labelled) === 'withheld';
        stored.push({ member, resource, isVisible: !isGone && !isWithheld });
      }
  const head = await log.head([PA_RECORDS]);
  for (const view of [reader.views.records, reader.views.search])
    if (!(await view.waitFor(head, 60_000))) throw new Error('the views did not settle');
}, 120_000);
afterAll(async () => {
  await set.stop();
  await log.close();
});

const gate = (): LabelGate =>
  new LabelGate({
    policy: labelPolicy({ [`${CODES}|R`]: 'withhold', [`${CODES}|V`]: 'release' }),
    records: reader,
    members: { getMany: async () => [] },
    clock: { now: () => Date.now() },
  });
/** Without an app, and without a table of lines. */
const NO_PARTIES = { client: () => undefined, identity: () => [], lines: () => [], asOf: () => undefined };
const EVERYTHING = readGranted('system/*.rs');
const visible = (scopes = EVERYTHING): VisibleRecords =>
  new VisibleRecords(reader, gate().check(NO_PARTIES as never, 'app'), {
    scopes,
    base: BASE,
    labelled: new LabelledRecords(),
  });

function queryOf(type: string, parameters: readonly (readonly [string, string])[]): SearchQuery {
  const given = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]));
  const parsed = parseQuery(type, given, { base: BASE, lenient: false });
  if (!parsed.ok) throw new Error(`${type}?${given}: ${JSON.stringify(parsed.issue)}`);
  return parsed.query;
}

/** Counts, follows all pages, and asks for the total beside each of them. */
async function checked(
  asked: SearchQuery,
  members: readonly string[],
  expected: readonly string[],
  scopes = EVERYTHING,
): Promise<void> {
  const query = visible(scopes).restricted(asked);
  const count = await findPage({ records: visible(scopes), query, members, count: 0 });
  expect([count.total, [...count.counted!].toSorted(), count.records]).toEqual([
    expected.length,
    [...new Set(expected.map((id) => id.split('/')[0]!))].toSorted(),
    [],
  ]);
  for (const total of ['none', 'accurate'] as const) {
    const seen: string[] = [];
    let after: PageCursor | undefined;
    do {
      const page = await findPage({ records: visible(scopes), query: { ...query, total }, members, after, count: 3 });
      seen.push(...page.records.map(({ member, type, id }) => recordId(member, type, id)));
      if (total === 'accurate') expect(page.total).toBe(expected.length);
      after = page.next;
    } while (after !== undefined);
    expect(seen).toEqual(expected);
  }
}

describe('a count, the total of a page and the pages themselves', () => {
  const expectedOf = (type: string, members: readonly string[], fits: (resource: FhirResource) => boolean): string[] =>
    stored
      .filter(
        ({ member, resource, isVisible }) => isVisible && members.includes(member) && resource.resourceType === type,
      )
      .filter(({ resource }) => fits(resource))
      .map(({ member, resource }) => recordId(member, type, resource.id!))
      .toSorted((a, b) => byRecord(a, b));

  it.each(FILTERS.map(({ type, parameter }) => [`${type}.${parameter.name}`, type, parameter] as const))(
    'have the results that the rules of FHIR and of labels have: %s',
    async (_name, type, parameter) => {
      const own = stored.filter(({ resource }) => resource.resourceType === type);
      const others = FILTERS.filter((each) => each.type === type).map((each) => each.parameter);
      for (let at = 0; at < cases(3); at++) {
        const conditions = [parameter, ...(random.chance(0.3) ? [random.one(others)] : [])].map(
          (each: SearchParameter) => randomCondition(random, each, random.one(own).resource),
        );
        const query = queryOf(
          type,
          conditions.map(({ key, value }) => [key, value]),
        );
        const members = random.chance(0.5) ? [random.one(SEARCHED)] : [...SEARCHED].toSorted(byRecord);
        const expected = expectedOf(type, members, (resource) =>
          conditions.every(({ condition }) => satisfies(condition, resource, BASE)),
        );
        await checked(query, members, expected);
      }
    },
  );

  /** A scope on the type with drawn parameters, and what it means. Undefined if it is not granted. */
  function drawnScope(type: string, others: readonly SearchParameter[], own: readonly Stored[]) {
    const conditions = Array.from({ length: random.chance(0.3) ? 2 : 1 }, () =>
      randomCondition(random, random.one(others), random.one(own).resource),
    );
    const parts = conditions.map(({ key, value }) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
    const scope = `system/${type}.rs?${parts.join('&')}`;
    if (scopeFaults(scope).refused.length > 0) return undefined;
    const covers = (resource: FhirResource): boolean =>
      conditions.every(({ condition }) => satisfies(condition, resource, BASE));
    return { scope, covers };
  }

  it('P53: have what is within one of the scopes of the token, as the oracle of search says', async () => {
    let narrowed = 0;
    let several = 0;
    for (const type of new Set(FILTERS.map((each) => each.type))) {
      const own = stored.filter(({ resource }) => resource.resourceType === type);
      const others = FILTERS.filter((each) => each.type === type).map((each) => each.parameter);
      for (let at = 0; at < cases(12); at++) {
        const scopes = Array.from({ length: 1 + random.below(3) }, () => drawnScope(type, others, own)).filter(
          (each) => each !== undefined,
        );
        if (scopes.length === 0) continue;
        const granted = readGranted(scopes.map(({ scope }) => scope).join(' '));
        const isWithin = (resource: FhirResource): boolean => scopes.some(({ covers }) => covers(resource));
        const drawn = random.chance(0.5) ? [randomCondition(random, random.one(others), random.one(own).resource)] : [];
        const query = queryOf(
          type,
          drawn.map(({ key, value }) => [key, value]),
        );
        const members = random.chance(0.5) ? [random.one(SEARCHED)] : [...SEARCHED].toSorted(byRecord);
        const found = expectedOf(type, members, (resource) =>
          drawn.every(({ condition }) => satisfies(condition, resource, BASE)),
        );
        const expected = expectedOf(
          type,
          members,
          (resource) => isWithin(resource) && drawn.every(({ condition }) => satisfies(condition, resource, BASE)),
        );
        await checked(query, members, expected, granted);
        // A read decides by the same filter.
        const within = withinScope(granted, type, 'r', BASE)!;
        for (const { resource } of own) {
          expect([granted.text, within.admits(JSON.stringify(resource))]).toEqual([granted.text, isWithin(resource)]);
        }
        if (expected.length > 0 && expected.length < found.length) narrowed += 1;
        if (scopes.length > 1) several += 1;
      }
    }
    expect(narrowed).toBeGreaterThan(20);
    expect(several).toBeGreaterThan(20);
  }, 120_000);

  it.each([
    ['many-3', 2],
    ['urn:many|many-69', 2],
    ['many-3,many-4', 2],
    ['many-300', 0],
  ])('look into the resources that have too many values for keys: code=%s', async (value, found) => {
    const query = queryOf('Condition', [['code', value]]);
    const expected = ['m1', 'm2'].map((member) => recordId(member, 'Condition', 'Condition-4')).slice(0, found);
    await checked(query, SEARCHED.toSorted(byRecord), expected);
  });

  it('count the evaluations of each result once, by keys and by lines', async () => {
    for (const [key, value] of [
      ['code', '8302-2,final,active'],
      ['code:not', '8302-2'],
    ] as const) {
      const query = queryOf('Condition', [[key, value]]);
      const { evaluations } = new Matcher(query.filters);
      for (const total of ['none', 'accurate'] as const)
        for (const count of [0, 100]) {
          const of = visible();
          const page = await findPage({ records: of, query: { ...query, total }, members: ['m1', 'm2'], count });
          const compared = key === 'code' ? page.total! : 2 * (PER_TYPE - 3);
          // The resource with many codes is compared, too, although it does not fit.
          const more = key === 'code' ? 2 : 0;
          expect([key, total, count, of.work.evaluations >= evaluations * compared]).toEqual([key, total, count, true]);
          expect(of.work.evaluations).toBeLessThanOrEqual(evaluations * (compared + 2 * more));
        }
    }
  });

  it('by exact keys load no line', async () => {
    const query = queryOf('Condition', [['code', 'http://loinc.org|8302-2']]);
    expect(exactKeys(query.filters)).toBeDefined();
    statements.splice(0);
    const { total } = await findPage({ records: visible(), query, members: ['merged', 'foreign'], count: 0 });
    expect(total).toBeGreaterThanOrEqual(0);
    expect(statements.filter((each) => each.startsWith('search count'))).toHaveLength(1);
  });
});
