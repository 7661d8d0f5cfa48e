import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FhirResource, isSharedType, SEARCH, type SearchParameter } from '@provider-access/fhir';
import {
  cases,
  type Condition,
  Random,
  randomCondition,
  satisfies,
  satisfiesChain,
  seed,
} from '@provider-access/testing/search';
import { foreignFolder, memberOf, resourcesOf, unpack } from './foreign-data.ts';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { paOf } from './pa.ts';
import { byMembers } from './payers.ts';
import { type HttpAnswer, http, json, payerEvent, publishAll } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

interface Bundle {
  readonly total?: number;
  readonly link: readonly { readonly relation: string; readonly url: string }[];
  readonly entry?: readonly { readonly resource: FhirResource; readonly search: { readonly mode: string } }[];
}
const LONG = cases(1) > 1;
const folder = foreignFolder();
if (folder === undefined)
  console.warn('SKIPPED: searches over the examples of HL7, since shared/data/foreign is not beside this checkout');

describe('searches over generated data and, where it is there, the examples of HL7', () => {
  const payer = sharedPayer();
  const mine = byMembers(payer)[0]!;
  const work = mkdtempSync(join(tmpdir(), 'provider-access-search-'));
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let base: string;
  let app: TestApp;
  /** Everything that the client may see, as the platform lists it, by type. */
  const seen = new Map<string, FhirResource[]>();
  const members: string[] = [];

  /** A token may expire between two of these requests. */
  const ask = async (path: string): Promise<HttpAnswer> =>
    http(path.startsWith('http') ? path : `${base}/fhir/${path}`, { token: await app.tokens.get() });
  async function pagesOf(path: string): Promise<Bundle[]> {
    const pages: Bundle[] = [];
    for (let next: string | undefined = path; next !== undefined;) {
      const answer = await ask(next);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body.toString()}`);
      pages.push(json<Bundle>(answer));
      next = pages.at(-1)!.link.find(({ relation }) => relation === 'next')?.url;
    }
    return pages;
  }
  const matchesOf = (pages: readonly Bundle[]): FhirResource[] =>
    pages.flatMap(({ entry = [] }) => entry.filter(({ search }) => search.mode === 'match').map((e) => e.resource));

  /** Publishes a set of examples, and covers and attributes its patients. */
  async function takeIn(name: string): Promise<void> {
    const dir = join(work, name);
    unpack(join(folder!, `${name}.tar.gz`), dir);
    const people = new Set([...resourcesOf(dir)].map(({ resource }) => memberOf(resource) ?? '').filter(Boolean));
    await publishAll(
      fresh.platform(),
      [...people].map((id) =>
        payerEvent('payer.resource-recorded.v1', id, {
          resource: {
            resourceType: 'Coverage',
            id: `renewed-${id}`.slice(0, 64),
            status: 'active',
            period: { start: '2016-01-01' },
            beneficiary: { reference: `Patient/${id}` },
            payor: [{ reference: 'Organization/payer' }],
          },
        }),
      ),
    );
    const pa = paOf(fresh.platform(), work);
    // Some examples belong to no member, so the command ends with refusals.
    await pa('--json', 'publish', dir);
    const answer = await pa('attribute', '--npi', mine.npi, '--from', '2020-01-01', '--member', ...people);
    expect(answer.code).toBe(0);
    members.push(...people);
  }

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    ({ base } = fresh.platform());
    app = await registerApp(fresh.platform(), { name: 'Searcher', npi: mine.npi, tin: mine.tin });
    members.push(...mine.visible.map(({ member }) => member));
    if (folder !== undefined)
      for (const name of ['examples-uscore-6.1.0', 'examples-carin-2.2.0-sushi']) await takeIn(name);
    members.sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
    for (const type of Object.keys(SEARCH).filter((name) => name !== 'Group')) {
      const path = isSharedType(type) ? `${type}?_count=200` : `${type}?patient=${members.join()}&_count=200`;
      const asked = type === 'Patient' ? `Patient?_id=${members.join()}&_count=200` : path;
      const declared = SEARCH[type]!.parameters.some(({ name }) => name === 'patient');
      if (!declared && type !== 'Patient' && !isSharedType(type)) continue;
      const found = matchesOf(await pagesOf(asked));
      if (found.length > 0) seen.set(type, found);
    }
  }, 600_000);
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });

  const ids = (resources: readonly FhirResource[]): string[] => resources.map(({ id }) => id!);
  const owner = (resource: FhirResource): string => memberOf(resource) ?? 'shared';
  const filters = (type: string): SearchParameter[] =>
    SEARCH[type]!.parameters.filter(
      ({ name, owner }) => !['_id', '_lastUpdated'].includes(name) && owner === undefined,
    );

  test('agree with an oracle that filters parsed resources by the rules of FHIR', async () => {
    const random = new Random(seed);
    const types = [...seen.keys()].filter((type) => type !== 'Provenance');
    let [found, indexed] = [0, 0];
    const queries = LONG ? 10_000 : 150;
    for (let n = 0; n < queries; n++) {
      const type = random.one(types);
      const pool = seen.get(type)!;
      const source = random.one(pool);
      const conditions = Array.from({ length: 1 + random.below(3) }, () =>
        randomCondition(random, random.one(filters(type)), source),
      );
      const alone = isSharedType(type) || type === 'Patient';
      const patients = alone ? members : [...new Set([owner(source), random.one(members), random.one(members)])];
      const query = new URLSearchParams(conditions.map(({ key, value }): [string, string] => [key, value]));
      if (!alone) query.append('patient', patients.join());
      query.append('_count', String(random.one([1, 3, 50])));
      if (random.chance(0.3)) query.append('_total', 'accurate');
      const expected = pool.filter(
        (resource) =>
          (isSharedType(type) || patients.includes(owner(resource))) &&
          conditions.every(({ condition }: { condition: Condition }) => satisfies(condition, resource, `${base}/fhir`)),
      );
      const pages = await pagesOf(`${type}?${query}`);
      const what = `seed ${seed}, query ${n}: ${type}?${query}`;
      expect(ids(matchesOf(pages)), what).toEqual(ids(expected));
      if (query.has('_total')) expect(pages[0]!.total, what).toBe(expected.length);
      found += expected.length;
      if (conditions.some(({ condition }) => (condition.parameter as SearchParameter).indexed)) indexed += 1;
    }
    console.log(`${queries} random queries over ${[...seen.values()].flat().length} resources, ${found} results`);
    expect(found).toBeGreaterThan(queries / 2);
    expect(indexed).toBeGreaterThan(queries / 2);
  }, 3_600_000);

  test('agree with the oracle on chains', async () => {
    const random = new Random(seed);
    let found = 0;
    for (const { type, parameters } of Object.values(SEARCH))
      for (const parameter of parameters) {
        const { owner: own, chains = [], targets = [] } = parameter;
        const others = seen.get(targets[0] ?? '') ?? [];
        if (own === true || others.length === 0) continue;
        for (const name of chains.flatMap((chain) => Array.from({ length: LONG ? 200 : 15 }, () => chain))) {
          const chained = { ...parameterOf(targets[0]!, name), modifiers: [] };
          const { condition, key, value } = randomCondition(random, chained, random.one(others));
          const chain = { parameter, type: targets[0]!, condition };
          const expected = (seen.get(type) ?? []).filter((each) => satisfiesChain(chain, each, others, `${base}/fhir`));
          const query = new URLSearchParams({ [`${parameter.name}.${key}`]: value, _count: '3' });
          expect(ids(matchesOf(await pagesOf(`${type}?${query}`))), `seed ${seed}: ${query}`).toEqual(ids(expected));
          found += expected.length;
        }
      }
    expect(found).toBeGreaterThan(0);
  }, 600_000);

  interface Declared {
    readonly type: string;
    readonly extension?: readonly {
      readonly extension: readonly { readonly url: string; readonly valueString?: string }[];
    }[];
    readonly searchParam: readonly { readonly name: string }[];
    readonly searchInclude?: readonly string[];
    readonly searchRevInclude?: readonly string[];
  }
  async function declaredTypes(): Promise<readonly Declared[]> {
    const { rest } = json<{ rest: readonly [{ resource: readonly Declared[] }] }>(await ask('metadata'));
    // A Binary is only read.
    return rest[0].resource.filter(({ type }) => type !== 'Group' && type !== 'Binary');
  }
  const parameterOf = (type: string, name: string): SearchParameter =>
    SEARCH[type]!.parameters.find((parameter) => parameter.name === name)!;

  /** A query by these parameters that finds the resource, with the values that it has; undefined if it lacks one. */
  function queryFor(resource: FhirResource, names: readonly string[]): URLSearchParams | undefined {
    const query = new URLSearchParams();
    const random = new Random(seed);
    for (const name of names) {
      const parameter = parameterOf(resource.resourceType, name);
      if (name === '_id') query.append(name, resource.id!);
      else if (name === 'patient') query.append(name, owner(resource));
      else if (name === '_lastUpdated')
        query.append(name, String((resource.meta as { lastUpdated: string }).lastUpdated));
      else {
        const plain = { ...parameter, modifiers: [] };
        const found = Array.from({ length: 40 }, () => randomCondition(random, plain, resource)).find(
          ({ condition }) => condition.any.length === 1 && satisfies(condition, resource, `${base}/fhir`),
        );
        if (found === undefined) return undefined;
        query.append(found.key, found.value);
      }
    }
    const alone = names.some((name) => parameterOf(resource.resourceType, name).alone === true);
    if (!alone && !isSharedType(resource.resourceType)) query.append('patient', owner(resource));
    return query;
  }

  test('find a resource by each parameter and combination that the CapabilityStatement declares', async () => {
    const lacking: string[] = [];
    let asked = 0;
    for (const { type, searchParam, extension = [] } of await declaredTypes()) {
      const combinations = extension.map(({ extension: parts }) =>
        parts.flatMap(({ valueString }) => valueString ?? []),
      );
      for (const names of [...searchParam.map(({ name }) => [name]), ...combinations]) {
        const one = (seen.get(type) ?? [])
          .map((resource) => ({ resource, query: queryFor(resource, names) }))
          .find(({ query }) => query !== undefined);
        if (one === undefined) {
          lacking.push(`${type}?${names.join('&')}`);
          continue;
        }
        const path = `${type}?${one.query!}`;
        expect(ids(matchesOf(await pagesOf(path))), path).toContain(one.resource.id);
        asked += 1;
      }
    }
    console.log(
      `${asked} parameters and combinations found a resource; no data for ${lacking.length}: ${lacking.join(' ')}`,
    );
    expect(asked).toBeGreaterThan(folder === undefined ? 60 : 180);
  }, 600_000);

  test('refuse each parameter, modifier and include that is not declared, by name', async () => {
    const types = await declaredTypes();
    const everywhere = new Set(types.flatMap(({ searchParam }) => searchParam.map(({ name }) => name)));
    let refused = 0;
    const refuse = async (path: string, name: string): Promise<void> => {
      const answer = await ask(path);
      expect([path, answer.status]).toEqual([path, 400]);
      expect(answer.body.toString()).toContain(name);
      refused += 1;
    };
    for (const { type, searchParam, searchInclude = [] } of types) {
      const about = `${type}?_id=x`;
      for (const name of [...everywhere, '_text', '_content', '_has:Observation:patient:code', '_list'])
        if (!searchParam.some((declared) => declared.name === name))
          await refuse(`${about}&${name}=1`, name.split(':')[0]!);
      for (const { name } of searchParam.slice(0, 3)) await refuse(`${about}&${name}:below=1`, name);
      await refuse(`${about}&_include=${type}:undeclared`, '_include');
      if (searchInclude.length === 0) await refuse(`${about}&_include=*`, '_include');
      await refuse(`${about}&_sort=undeclared`, '_sort');
    }
    expect(refused).toBeGreaterThan(500);
  }, 600_000);

  test('include what the CapabilityStatement says, and the provenance of each type', async () => {
    const included = async (path: string): Promise<string[]> =>
      (await pagesOf(path)).flatMap(({ entry = [] }) =>
        entry
          .filter(({ search }) => search.mode === 'include')
          .map(({ resource }) => `${resource.resourceType}/${resource.id}`),
      );
    const provenances = new Set(
      (await included(`Patient?_id=${members.join()}&_revinclude=Provenance:target`)).map((name) => name.split('/')[0]),
    );
    expect([...provenances].every((type) => type === 'Provenance')).toBe(true);
    let revincludes = 0;
    for (const { type, searchInclude = [], searchRevInclude = [] } of await declaredTypes()) {
      const about = isSharedType(type)
        ? `${type}?_count=50`
        : `${type}?_id=${
            (seen.get(type) ?? [])
              .slice(0, 50)
              .map(({ id }) => id)
              .join() || 'none'
          }`;
      for (const include of searchInclude) {
        const [, name = '', target] = include.split(':');
        const targets = new Set((await included(`${about}&_include=${include}`)).map((found) => found.split('/')[0]!));
        const allowed =
          name === '*' ? undefined : SEARCH[type]!.includes.find(({ parameter }) => parameter === name)?.targets;
        if (allowed !== undefined)
          expect([include, [...targets].filter((to) => !allowed.includes(to))]).toEqual([include, []]);
        if (target !== undefined) expect([include, [...targets].filter((to) => to !== target)]).toEqual([include, []]);
        if (name === '*')
          expect(await included(`${about}&_include=*`)).toEqual(await included(`${about}&_include=${include}`));
      }
      for (const rev of searchRevInclude) {
        expect((await included(`${about}&_revinclude=${rev}`)).every((found) => found.startsWith('Provenance/'))).toBe(
          true,
        );
        revincludes += 1;
      }
    }
    expect(revincludes).toBeGreaterThanOrEqual(19);
  }, 600_000);

  // https://hl7.org/fhir/R4/http.html#parameters: of every interaction. HAPI's client sends them with each request.
  test('serve a client that sends its format with every request, also with links', async () => {
    const accept = { accept: 'application/fhir+xml' };
    let followed = 0;
    const get = async (url: string): Promise<HttpAnswer> => {
      const answer = await http(url, { token: await app.tokens.get(), headers: accept });
      expect([url, answer.status, answer.headers['content-type']]).toEqual([
        url,
        200,
        'application/fhir+json; charset=utf-8',
      ]);
      return answer;
    };
    const added = (url: string): string => `${url}${url.includes('?') ? '&' : '?'}_format=json&_pretty=true`;
    const groups = json<Bundle>(await get(added(`${base}/fhir/Group`)));
    const found = [...seen.values()].map((pool) => pool[0]!);
    for (const { resourceType, id, meta } of [...found, ...groups.entry!.map(({ resource }) => resource)]) {
      const url = `${base}/fhir/${resourceType}/${id}`;
      const { versionId } = meta as { versionId?: string };
      const pools = seen
        .get(resourceType)
        ?.slice(0, 3)
        .map((each) => each.id) ?? [id];
      const current = json<FhirResource>(await get(added(url)));
      expect(current.id).toBe(id);
      // A Group has its time as version.
      const vid = versionId ?? Date.parse((meta as { lastUpdated: string }).lastUpdated);
      expect(json(await get(added(`${url}/_history/${vid}`)))).toEqual(current);
      for (const path of [`${resourceType}?_id=${pools.join()}&_count=1`, `${resourceType}/${id}/_history?_count=1`]) {
        const { link } = json<Bundle>(await get(added(`${base}/fhir/${path}`)));
        for (const each of link) for (const next of [each.url, added(each.url)]) await get(next);
        followed += link.length;
      }
    }
    expect(followed).toBeGreaterThan(2 * found.length);
  }, 600_000);
});
