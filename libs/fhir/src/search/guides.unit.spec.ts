import {
  type Definition,
  definitionsOf,
  HL7_PACKAGES,
  type Hl7Package,
  whyWithout,
} from '@provider-access/definitions';
import { describe, expect, it } from 'vitest';
import { SEARCH } from './definitions.ts';
import { parseQuery } from './query.ts';

const { US_CORE_3, US_CORE_6, CARIN_BB_2_2, PDEX } = HL7_PACKAGES;
const why = whyWithout(US_CORE_3, US_CORE_6, CARIN_BB_2_2, PDEX);

const expectation = ({ extension }: Definition): string | undefined =>
  extension?.find(({ url }: Definition) => url.endsWith('capabilitystatement-expectation'))?.valueCode;

function statement(guide: Hl7Package, id: string): Definition[] {
  const [found] = definitionsOf(guide, (name) => name === `CapabilityStatement-${id}.json`);
  return found.rest[0].resource;
}

/** Single parameters and combinations of a statement, as `Type?a&b`. */
function searchesOf(resources: readonly Definition[], levels: readonly string[]): string[] {
  return resources.flatMap(({ type, searchParam = [], extension = [] }) => [
    ...searchParam
      .filter((parameter: Definition) => levels.includes(expectation(parameter)!))
      .map(({ name }: Definition) => `${type}?${name}`),
    ...extension
      .filter((each: Definition) => each.url.endsWith('combination') && levels.includes(expectation(each)!))
      .map(({ extension: names }: Definition) => {
        const required = names.filter(({ url }: Definition) => url === 'required');
        return `${type}?${required.map(({ valueString }: Definition) => valueString).join('&')}`;
      }),
  ]);
}

const VALUES: Readonly<Record<string, string>> = { date: '2024', reference: 'a', quantity: '1' };

/** Whether the table declares the search at its level, and the parser reads it. */
function isOffered(search: string, levels: readonly string[]): boolean {
  const [type = '', text = ''] = search.split('?');
  const names = text.split('&');
  const definition = SEARCH[type];
  const rows = names.map((name) => definition?.parameters.find((parameter) => parameter.name === name));
  if (definition === undefined || !rows.every((row) => row !== undefined)) return false;
  const declared =
    rows.length === 1
      ? rows.every(({ level, alone }) => levels.includes(level) && alone === true)
      : definition.combinations.some(
          (set) => levels.includes(set.level) && set.names.toSorted().join() === names.toSorted().join(),
        );
  const query = new URLSearchParams(rows.map(({ name, kind }): [string, string] => [name, VALUES[kind] ?? 'a']));
  return declared && parseQuery(type, query, { base: 'http://x', lenient: false }).ok;
}

describe.skipIf(why)(`the packages of HL7${why}`, () => {
  const count = (what: string, searches: readonly string[], levels: readonly string[]) => {
    const missing = searches.filter((search) => !isOffered(search, levels));
    process.stderr.write(`${what}: ${searches.length - missing.length} of ${searches.length}\n`);
    expect(missing).toEqual([]);
    return searches.length;
  };

  it('US Core 6.1.0: every search that it demands or recommends is offered', () => {
    const resources = statement(US_CORE_6, 'us-core-server');
    expect(count('US Core 6.1.0 SHALL', searchesOf(resources, ['SHALL']), ['SHALL'])).toBe(51);
    count('US Core 6.1.0 SHOULD', searchesOf(resources, ['SHOULD']), ['SHALL', 'SHOULD']);
  });

  it('US Core 6.1.0: every include of Provenance and of references is offered', () => {
    const resources = statement(US_CORE_6, 'us-core-server');
    const asked = resources.flatMap(({ type, searchRevInclude = [], searchInclude = [] }) => [
      ...searchRevInclude.map((value: string) => ({ type, name: '_revinclude', value })),
      ...searchInclude.map((value: string) => ({ type, name: '_include', value })),
    ]);
    const refused = asked.filter(
      ({ type, name, value }) =>
        !parseQuery(type, new URLSearchParams([[name, value]]), { base: 'http://x', lenient: false }).ok,
    );
    const reversed = asked.filter(({ name }) => name === '_revinclude').length;
    process.stderr.write(`_revinclude: ${reversed} of 19; _include: ${asked.length - reversed}\n`);
    expect(refused).toEqual([]);
    expect(reversed).toBe(19);
  });

  it.each([
    ['US Core 3.1.1', US_CORE_3, 'us-core-server'],
    ['PDex 2.2.0', PDEX, 'pdex-server-6-1'],
    ['PDex 2.2.0 Provider Access', PDEX, 'pdex-provider-access-server'],
  ])('%s: every search that it demands is offered', (name, guide, id) => {
    const resources = statement(guide, id).filter(({ type }) => type !== 'Consent');
    count(`${name} SHALL`, searchesOf(resources, ['SHALL']), ['SHALL']);
  });

  it('CARIN BB 2.1.0: the eight parameters of an ExplanationOfBenefit are offered, alone and combined', () => {
    // The package has no statement: the names are from the page of the guide.
    const names = '_id patient _lastUpdated type identifier service-date service-start-date billable-period-start';
    const searches = names.split(' ').map((name) => `ExplanationOfBenefit?${name}`);
    expect(count('CARIN BB SHALL', searches, ['SHALL'])).toBe(8);
    const query = new URLSearchParams(
      '_id=a&patient=b&_lastUpdated=2024&type=c&identifier=d&service-date=2024&service-start-date=2024' +
        '&billable-period-start=2024&_include=ExplanationOfBenefit:*',
    );
    expect(parseQuery('ExplanationOfBenefit', query, { base: 'http://x', lenient: false }).ok).toBe(true);
  });

  it('the SearchParameters of the guides have the kind and the path of the table', () => {
    const guides = [US_CORE_6, PDEX, CARIN_BB_2_2].flatMap((guide) =>
      definitionsOf(guide, (name) => name.startsWith('SearchParameter-')),
    );
    const plain = (path: string) => path.replaceAll(/\s/g, '');
    let compared = 0;
    for (const { type, parameters } of Object.values(SEARCH)) {
      for (const { name, kind, path } of parameters) {
        const defined = guides.filter(
          ({ base, code }) => base.includes(type) && code === name && !name.startsWith('_'),
        );
        if (defined.length > 0) compared += 1;
        for (const each of defined)
          expect([name, each.type, plain(each.expression)]).toEqual([name, kind, plain(path)]);
      }
    }
    process.stderr.write(`${compared} SearchParameters compared\n`);
    expect(compared).toBeGreaterThan(80);
  });
});
