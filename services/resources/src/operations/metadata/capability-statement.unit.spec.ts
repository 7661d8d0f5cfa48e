import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { definitionsOf, HL7_PACKAGES, type Hl7Package, whyWithout } from '@provider-access/definitions';
import { describe, expect, it } from 'vitest';
import { checkShape, SERVED_TYPES } from '@provider-access/fhir';
import { operationsOf } from '@provider-access/service/operation';
import { CONTROLLERS } from '../../resources.module.ts';
import { capabilityStatement } from './capability-statement.ts';
import { CLAIMS, isClaimed } from '../../../test/claims.ts';

interface Extended {
  readonly extension?: readonly { readonly url: string; readonly valueCode?: string }[];
}
interface ResourceEntry extends Extended {
  readonly type: string;
  readonly supportedProfile?: readonly string[];
  readonly _supportedProfile?: readonly (Extended | null)[];
  readonly interaction: readonly (Extended & { readonly code: string })[];
  readonly searchParam?: readonly (Extended & {
    readonly name: string;
    readonly type: string;
    readonly definition?: string;
  })[];
  readonly operation?: readonly (Extended & { readonly name: string; readonly definition: string })[];
  readonly searchInclude?: readonly string[];
  readonly searchRevInclude?: readonly string[];
  readonly _searchRevInclude?: readonly (Extended | null)[];
}
interface Statement {
  readonly [element: string]: unknown;
  readonly instantiates: readonly string[];
  readonly implementationGuide: readonly string[];
  readonly rest: readonly [{ readonly security: Record<string, unknown>; readonly resource: readonly ResourceEntry[] }];
}

const BASE = 'https://pa.example';
const own = JSON.parse(capabilityStatement(BASE, operationsOf(CONTROLLERS))) as Statement;
const ownEntry = (type: string): ResourceEntry | undefined => own.rest[0].resource.find((entry) => entry.type === type);

const { R4, US_CORE_3, US_CORE_6, US_CORE_7, CARIN_BB_2_1, CARIN_BB_2_2, PDEX, ATR } = HL7_PACKAGES;
const why = whyWithout(...Object.values(HL7_PACKAGES));
const read = (guide: Hl7Package, statement: string): Statement => {
  const [found] = definitionsOf(guide, (name) => name === `CapabilityStatement-${statement}.json`);
  return found as Statement;
};

const EXPECTATION = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation';
const shall = (element: Extended | null | undefined): boolean =>
  element?.extension?.some(({ url, valueCode }) => url === EXPECTATION && valueCode === 'SHALL') === true;

/** A profile that the statement does not mark with SHOULD or MAY. */
const asksFor = (asked: ResourceEntry, i: number): boolean => {
  const marks = asked._supportedProfile?.[i]?.extension ?? [];
  return marks.every(({ url, valueCode }) => url !== EXPECTATION || valueCode === 'SHALL');
};

/** The profiles that a statement asks for and ours does not name. Types that ours does not have are left out. */
const lacksProfiles = ({ rest }: Statement): readonly string[] =>
  rest[0].resource.flatMap((asked) => {
    const named = ownEntry(asked.type)?.supportedProfile ?? [];
    return (asked.supportedProfile ?? [])
      .filter((_, i) => ownEntry(asked.type) !== undefined && asksFor(asked, i))
      .map((profile) => profile.split('|')[0]!)
      .filter((profile) => !named.includes(profile))
      .map((profile) => `${asked.type} ${profile.split('/').at(-1)}`);
  });

/** What a statement asks for with SHALL and ours does not have. It shares no code with the table of searches. */
function lacks(statement: Statement): readonly string[] {
  const parts = statement.rest[0].resource.filter(shall).flatMap((asked) => {
    const { type } = asked;
    const entry = ownEntry(type);
    if (entry === undefined) return [type];
    const codes = entry.interaction.map(({ code }) => code);
    const names = (entry.searchParam ?? []).map(({ name }) => name);
    const definitions = (entry.operation ?? []).map(({ definition }) => definition);
    const revincludes = asked.searchRevInclude?.filter((_, i) => shall(asked._searchRevInclude?.[i])) ?? [];
    return [
      ...asked.interaction.filter((each) => shall(each) && !codes.includes(each.code)).map(({ code }) => ` ${code}`),
      ...(asked.searchParam ?? []).filter((p) => shall(p) && !names.includes(p.name)).map(({ name }) => `?${name}`),
      ...(asked.operation ?? [])
        .filter((o) => shall(o) && !definitions.includes(o.definition.split('|')[0]!))
        .map(({ name }) => ` $${name}`),
      ...revincludes.filter((one) => !(entry.searchRevInclude ?? []).includes(one)).map((one) => ` ${one}`),
    ].map((what) => type + what);
  });
  return [...parts, ...lacksProfiles(statement)];
}

describe.skipIf(why)(`the packages of the guides${why}`, () => {
  // J4
  it('have a SearchParameter of the same code, type of value and resource for each definition', () => {
    const defined = new Map<string, { code: string; type: string; base: readonly string[] }>();
    for (const guide of [R4, US_CORE_6, US_CORE_3, CARIN_BB_2_2, PDEX])
      for (const { url, code, type, base } of definitionsOf(guide, (name) => name.startsWith('SearchParameter-')))
        defined.set(url as string, { code, type, base });
    const wrong = own.rest[0].resource.flatMap(({ type: resource, searchParam = [] }) =>
      searchParam
        .filter(({ definition }) => definition !== undefined)
        .filter(({ name, type, definition }) => {
          const one = defined.get(definition!);
          return (
            one?.code !== name || one.type !== type || ![resource, 'Resource'].some((each) => one.base.includes(each))
          );
        })
        .map(({ name, definition }) => `${resource} ${name}: ${definition}`),
    );
    expect(defined.size).toBeGreaterThan(1000);
    expect(wrong).toEqual([]);
  });

  it.each([
    ['US Core 6.1.0', US_CORE_6, 'us-core-server', 8],
    ['US Core 7.0.0', US_CORE_7, 'us-core-server', 8],
    ['PDex 2.2.0', PDEX, 'pdex-server-6-1', 14],
  ])('%s: each include that the statement of a server lists is listed', (_name, guide, statement, least) => {
    const asked = read(guide, statement).rest[0].resource.filter(({ type }) => ownEntry(type) !== undefined);
    const includes = asked.flatMap(({ type, searchInclude = [] }) => searchInclude.map((value) => ({ type, value })));
    expect(includes.length).toBeGreaterThanOrEqual(least);
    expect(includes.filter(({ type, value }) => !ownEntry(type)!.searchInclude?.includes(value))).toEqual([]);
  });

  it.each([
    ['us-core-server', US_CORE_6, 'us-core-server'],
    ['pdex-provider-access-server', PDEX, 'pdex-provider-access-server'],
    // S4: its text asks for more than its statement, which was claimed and compared with nothing.
    ['atr-producer', ATR, 'capabilitystatement-atr-producer'],
  ])('%s is claimed when every SHALL of it is there, and not before', (name, guide, statementId) => {
    const claim = CLAIMS.find(({ statement }) => statement?.endsWith(`/${name}`))!;
    expect(lacks(read(guide, statementId)).toSorted()).toEqual(claim.lacks);
    expect(own.instantiates.includes(claim.statement!)).toBe(isClaimed(claim));
  });

  // It has the profiles of a payer's other interfaces too: no Group of this one is of a member match.
  it('have no profile in the statement pdex-server-6-1 that ours leaves out, other than declared', () => {
    const asked = read(PDEX, 'pdex-server-6-1');
    expect(lacksProfiles(asked)).toEqual(['Group pdex-member-match-group', 'Questionnaire sdc-questionnaire']);
  });

  it.each([CARIN_BB_2_1, CARIN_BB_2_2])(
    '$name $version has no profile without money that the statement leaves out, and none with money that it names',
    (guide) => {
      const profiles = definitionsOf(guide, (name) => name.startsWith('StructureDefinition-C4BB-')) as {
        type: string;
        url: string;
      }[];
      const isFinancial = ({ type, url }: { type: string; url: string }): boolean =>
        type === 'ExplanationOfBenefit' && !url.endsWith('-Basis');
      const isNamed = ({ type, url }: { type: string; url: string }): boolean =>
        ownEntry(type)!.supportedProfile!.includes(url);
      expect(profiles.length).toBeGreaterThan(10);
      expect(profiles.filter((profile) => isNamed(profile) === isFinancial(profile))).toEqual([]);
    },
  );

  it('have every profile of US Core that the statement names', () => {
    const { rest } = read(US_CORE_6, 'us-core-server');
    const known = new Set(rest[0].resource.flatMap((entry) => entry.supportedProfile ?? []));
    const named = own.rest[0].resource
      .flatMap((entry) => entry.supportedProfile ?? [])
      .filter((profile) => profile.startsWith('http://hl7.org/fhir/us/core/'));
    expect(named.filter((profile) => !known.has(profile))).toEqual([]);
    expect(named.length).toBeGreaterThan(30);
  });
});

/** docs/regulation.md#capabilitystatement, for the guides whose packages are not there: ATR and Bulk Data. */
describe('the CapabilityStatement', () => {
  it('R1: is a valid one of an instance of R4, and says which formats and versions it serves', () => {
    expect(checkShape(own)).toEqual([]);
    expect(own).toMatchObject({
      resourceType: 'CapabilityStatement',
      kind: 'instance',
      status: 'active',
      fhirVersion: '4.0.1',
      format: ['json', 'application/fhir+json'],
      url: `${BASE}/fhir/metadata`,
      implementation: { url: `${BASE}/fhir` },
      software: { name: 'provider-access', version: expect.any(String) },
      publisher: expect.any(String),
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      // N50: metadata link to the page for providers.
      rest: [{ mode: 'server', documentation: expect.stringContaining('/providers') as string }],
    });
  });

  it('E80, R4: claims a guide together with its statement, and none of which something is lacking', () => {
    expect(own.instantiates).toContain('http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data');
    expect(own.implementationGuide).toContain(
      'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|3.0.0',
    );
    const claimed = CLAIMS.filter(isClaimed);
    expect(own.implementationGuide).toEqual(claimed.map(({ guide }) => guide));
    expect(own.instantiates).toEqual(claimed.flatMap(({ statement }) => statement ?? []));
    // E80: with EXPORT_MANIFEST=4 the manifest is that of the ballot, so no earlier version is claimed.
    const ballot = JSON.parse(capabilityStatement(BASE, operationsOf(CONTROLLERS), false, '4')) as Statement;
    expect(ballot.implementationGuide.filter((guide) => guide.includes('bulkdata'))).toEqual([
      'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|4.0.0-ballot',
    ]);
    for (const { guide } of CLAIMS) expect(guide).toMatch(/\|\d+\.\d+\.\d+$/);
  });

  // S4. The rows stand in a page that people read; e2e/src/answers.e2e.spec.ts asks the server about each of them.
  it('claims a guide with a SHALL that is not met only where docs/regulation.md names it with a reason', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../../docs/regulation.md'), 'utf8');
    const [, section = ''] = page.split('### What claimed guides ask for and we do not do\n');
    const rows = section
      .split(/\n##/, 1)[0]!
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| guide |') && !line.startsWith('| ---'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(rows.map(([, guide, shall, where]) => [guide, shall, where])).toEqual(
      CLAIMS.filter(isClaimed).flatMap(({ name, unmet }) => unmet.map(({ shall: one, where }) => [name, one, where])),
    );
    for (const [, guide, shall, , reason = ''] of rows) expect(reason.length, `${guide}: ${shall}`).toBeGreaterThan(20);
  });

  it('claims ATR with its list export and its profiles', () => {
    const claimed = [...own.instantiates, ...own.implementationGuide].filter((url) => url.includes('davinci-atr'));
    expect(claimed).toEqual([
      'http://hl7.org/fhir/us/davinci-atr/CapabilityStatement/atr-producer',
      'http://hl7.org/fhir/us/davinci-atr/ImplementationGuide/hl7.fhir.us.davinci-atr|2.1.0',
    ]);
    for (const type of ['Coverage', 'Patient', 'RelatedPerson'])
      expect(ownEntry(type)!.supportedProfile!.some((url) => url.includes('/davinci-atr/'))).toBe(true);
  });

  it('names the SearchParameter of each parameter that R4 or a guide defines', () => {
    const without = own.rest[0].resource.flatMap(({ type, searchParam = [] }) =>
      searchParam.filter(({ definition }) => definition === undefined).map(({ name }) => `${type} ${name}`),
    );
    // ATR's statement of a consumer lists them, and no guide has a SearchParameter of these names.
    expect(without).toEqual(['Group name', 'Group period']);
    for (const { searchParam = [] } of own.rest[0].resource)
      for (const { definition = 'http://hl7.org/fhir/' } of searchParam)
        expect(definition).toMatch(/^http:\/\/hl7\.org\/fhir\//);
  });

  it('M7: has Group with its profiles, interactions, search parameters and operations', () => {
    const group = ownEntry('Group')!;
    expect(group.supportedProfile).toEqual([
      'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/atr-group',
      'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provider-group',
    ]);
    expect(group.interaction.map(({ code }) => code)).toEqual(expect.arrayContaining(['read', 'search-type']));
    const parameters = new Map(group.searchParam!.map(({ name, type }) => [name, type]));
    for (const name of ['identifier', 'characteristic', 'code', '_id'])
      expect(parameters.get(name), name).toBe('token');
    expect(parameters.get('_lastUpdated')).toBe('date');
    expect(parameters.get('period')).toBe('date');
    expect(parameters.get('name')).toBe('string');
    expect(parameters.get('characteristic-value-reference')).toBe('reference');
    expect(group.operation!.map(({ name, definition }) => [name, definition])).toEqual([
      ['export', 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export'],
      ['davinci-data-export', 'http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export'],
      ['provider-member-match', 'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/ProviderMemberMatch'],
    ]);
  });

  it('says of Group that it has versions, and of them the current one by If-None-Match', () => {
    expect(ownEntry('Group')).toMatchObject({
      versioning: 'versioned',
      readHistory: false,
      conditionalRead: 'not-match',
    });
  });

  it('has each type that an export may contain, with read and search', () => {
    for (const type of SERVED_TYPES) {
      const codes = ownEntry(type)?.interaction.map(({ code }) => code);
      expect(codes, type).toEqual(expect.arrayContaining(['read', 'search-type']));
    }
    // ATR asks for a read of what a list refers to.
    for (const type of ['Coverage', 'Location', 'Organization', 'Patient', 'Practitioner', 'PractitionerRole'])
      expect(ownEntry(type), type).toBeDefined();
    expect(ownEntry('RelatedPerson')).toBeDefined();
  });

  it('reads a Binary, which nobody searches for', () => {
    expect(ownEntry('Binary')!.interaction).toEqual([{ code: 'read' }]);
    expect(ownEntry('Binary')!.searchParam).toBeUndefined();
  });

  // S10: HL7's validator demands an authorization endpoint in oauth-uris (ADR 0060).
  it('leads to SMART by the service and the description, without the extension oauth-uris', () => {
    const { security } = own.rest[0];
    expect(JSON.stringify(own)).not.toContain('oauth-uris');
    expect(security['description']).toContain(`${BASE}/auth/token`);
    expect(security).toMatchObject({
      service: [
        {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' }],
        },
      ],
      description: expect.stringContaining(`${BASE}/fhir/.well-known/smart-configuration`),
    });
  });
});
