import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkShape, SERVED_TYPES } from '@provider-access/kernel/fhir';
import { capabilityStatement } from './capability-statement.ts';
import { CLAIMS } from './claims.ts';

interface Extended {
  readonly extension?: readonly { readonly url: string; readonly valueCode?: string }[];
}
interface ResourceEntry extends Extended {
  readonly type: string;
  readonly supportedProfile?: readonly string[];
  readonly _supportedProfile?: readonly (Extended | null)[];
  readonly interaction: readonly (Extended & { readonly code: string })[];
  readonly searchParam?: readonly (Extended & { readonly name: string; readonly type: string })[];
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
const own = JSON.parse(capabilityStatement(BASE)) as Statement;
const ownEntry = (type: string): ResourceEntry | undefined => own.rest[0].resource.find((entry) => entry.type === type);

/** The packages of the guides lie beside the repository where somebody has fetched them. */
function packages(): string | undefined {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const candidate = join(at, 'shared/data/ig');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}
const folder = packages();
const read = (archive: string, file: string): Statement =>
  JSON.parse(execFileSync('tar', ['-xOzf', join(folder!, archive), file], { encoding: 'utf8' })) as Statement;

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

describe.skipIf(folder === undefined)('the packages of the guides', () => {
  it.each([
    ['us_core_610.tgz', 'package/CapabilityStatement-us-core-server.json', 8],
    ['us_core_700.tgz', 'package/CapabilityStatement-us-core-server.json', 8],
    ['pdex-2.2.0.tgz', 'pdex-2.2.0/CapabilityStatement-pdex-server-6-1.json', 14],
  ])('%s: each include that the statement of a server lists is listed', (archive, file, least) => {
    const asked = read(archive, file).rest[0].resource.filter(({ type }) => ownEntry(type) !== undefined);
    const includes = asked.flatMap(({ type, searchInclude = [] }) => searchInclude.map((value) => ({ type, value })));
    expect(includes.length).toBeGreaterThanOrEqual(least);
    expect(includes.filter(({ type, value }) => !ownEntry(type)!.searchInclude?.includes(value))).toEqual([]);
  });

  it.each([
    ['us-core-server', 'us_core_610.tgz', 'package/CapabilityStatement-us-core-server.json'],
    [
      'pdex-provider-access-server',
      'pdex-2.2.0.tgz',
      'pdex-2.2.0/CapabilityStatement-pdex-provider-access-server.json',
    ],
  ])('%s is claimed when every SHALL of it is there, and not before', (name, archive, file) => {
    const claim = CLAIMS.find(({ statement }) => statement?.endsWith(`/${name}`))!;
    expect(lacks(read(archive, file)).toSorted()).toEqual(claim.lacks);
    expect(own.instantiates.includes(claim.statement!)).toBe(claim.lacks.length === 0);
  });

  // It has the profiles of a payer's other interfaces too: no Group of this one is of a member match.
  it('have no profile in the statement pdex-server-6-1 that ours leaves out, other than declared', () => {
    const asked = read('pdex-2.2.0.tgz', 'pdex-2.2.0/CapabilityStatement-pdex-server-6-1.json');
    expect(lacksProfiles(asked)).toEqual(['Group pdex-member-match-group', 'Questionnaire sdc-questionnaire']);
  });

  it.each(['carin-bb-2.1.0', 'carin-bb-2.2.0-sushi'])(
    '%s has no profile without money that the statement leaves out, and none with money that it names',
    (name) => {
      const archive = join(folder!, `${name}.tgz`);
      const files = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).split('\n');
      const profiles = files
        .filter((file) => /StructureDefinition-C4BB-[\w-]+\.json$/.test(file))
        .map((file) => read(`${name}.tgz`, file) as unknown as { type: string; url: string });
      const isFinancial = ({ type, url }: { type: string; url: string }): boolean =>
        type === 'ExplanationOfBenefit' && !url.endsWith('-Basis');
      const isNamed = ({ type, url }: { type: string; url: string }): boolean =>
        ownEntry(type)!.supportedProfile!.includes(url);
      expect(profiles.length).toBeGreaterThan(10);
      expect(profiles.filter((profile) => isNamed(profile) === isFinancial(profile))).toEqual([]);
    },
  );

  it('have every profile of US Core that the statement names', () => {
    const { rest } = read('us_core_610.tgz', 'package/CapabilityStatement-us-core-server.json');
    const known = new Set(rest[0].resource.flatMap((entry) => entry.supportedProfile ?? []));
    const named = own.rest[0].resource
      .flatMap((entry) => entry.supportedProfile ?? [])
      .filter((profile) => profile.startsWith('http://hl7.org/fhir/us/core/'));
    expect(named.filter((profile) => !known.has(profile))).toEqual([]);
    expect(named.length).toBeGreaterThan(30);
  });
});
// eslint-disable-next-line no-console -- what is not tested is said aloud
if (folder === undefined) console.warn('shared/data/ig is not there: the CapabilityStatement was NOT compared with it');

/** docs/regulation.md#capabilitystatement, for the guides whose packages are not there: ATR and Bulk Data. */
describe('the CapabilityStatement', () => {
  it('is a valid one of an instance of R4, and says which formats and versions it serves', () => {
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
      rest: [{ mode: 'server' }],
    });
  });

  it('claims a guide together with its statement, and none of which something is lacking', () => {
    expect(own.instantiates).toContain('http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data');
    expect(own.implementationGuide).toContain(
      'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|2.0.0',
    );
    for (const { guide, statement, lacks: missing } of CLAIMS) {
      expect(guide).toMatch(/\|\d+\.\d+\.\d+$/);
      expect(own.implementationGuide.includes(guide), guide).toBe(missing.length === 0);
      if (statement !== undefined) expect(own.instantiates.includes(statement), guide).toBe(missing.length === 0);
    }
  });

  it('claims atr-producer only with history-instance of Group', () => {
    const producer = 'http://hl7.org/fhir/us/davinci-atr/CapabilityStatement/atr-producer';
    const hasHistory = ownEntry('Group')!.interaction.some(({ code }) => code === 'history-instance');
    expect(own.instantiates.includes(producer)).toBe(hasHistory);
  });

  it('has Group with its profiles, interactions, search parameters and operations', () => {
    const group = ownEntry('Group')!;
    expect(group.supportedProfile).toEqual([
      'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/atr-group',
      'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provider-group',
    ]);
    expect(group.interaction.map(({ code }) => code)).toEqual(expect.arrayContaining(['read', 'search-type']));
    const parameters = new Map(group.searchParam!.map(({ name, type }) => [name, type]));
    for (const name of ['identifier', 'characteristic', 'code', '_id'])
      expect(parameters.get(name), name).toBe('token');
    for (const name of ['period', '_lastUpdated']) expect(parameters.get(name), name).toBe('date');
    expect(parameters.get('name')).toBe('string');
    expect(parameters.get('characteristic-value-reference')).toBe('reference');
    expect(group.operation!.map(({ name, definition }) => [name, definition])).toEqual([
      ['export', 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export'],
      ['davinci-data-export', 'http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export'],
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

  it('leads to SMART by the service, the description and the extension oauth-uris', () => {
    expect(own.rest[0].security).toMatchObject({
      extension: [
        {
          url: 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris',
          extension: [
            { url: 'token', valueUri: `${BASE}/auth/token` },
            { url: 'register', valueUri: `${BASE}/auth/register` },
            { url: 'introspect', valueUri: `${BASE}/auth/introspect` },
          ],
        },
      ],
      service: [
        {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' }],
        },
      ],
      description: expect.stringContaining(`${BASE}/fhir/.well-known/smart-configuration`),
    });
  });
});
