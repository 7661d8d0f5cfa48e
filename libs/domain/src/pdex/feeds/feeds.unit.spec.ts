import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import type { KnownProfile, Lack } from '@provider-access/fhir/profiles';
import { checkProfiles, type ProfileTables, shortcomingName } from './check-profiles.ts';
import { type ProfilePolicy, profileRule, readProfilePolicy } from './policy.ts';

const CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
const CONDITION = `${CORE}us-core-condition`;
const PRIOR = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-priorauthorization';
const known = (url: string, version: string, type = 'Condition'): KnownProfile => ({
  url,
  version,
  canonical: `${url}|${version}`,
  guide: { name: 'test', version, licence: 'CC0-1.0' },
  type,
  unchecked: [],
});
const PROFILES = [
  known(CONDITION, '3.1.1'),
  known(CONDITION, '6.1.0'),
  known(`${CORE}us-core-patient`, '6.1.0', 'Patient'),
  known(PRIOR, '2.1.0', 'ExplanationOfBenefit'),
];
/** Version 6 asks for a code, version 3 for nothing. The tables note each question. */
function tables(): ProfileTables & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    profilesNamed: (canonical) => PROFILES.filter((p) => [p.url, `${p.url}|${p.version}`].includes(canonical)),
    lacksOf: ({ url, version }, resource): readonly Lack[] => {
      asked.push(`${url}|${version}`);
      return version === '6.1.0' && resource['code'] === undefined ? [{ element: 'Condition.code', rule: 'min' }] : [];
    },
  };
}
const condition = (profile: unknown, more: object = {}): FhirResource =>
  ({ resourceType: 'Condition', id: 'c', meta: { profile, tag: [{ code: 't' }] }, ...more }) as FhirResource;
const profilesOf = (resource: FhirResource): unknown => (resource['meta'] as { profile?: unknown }).profile;

describe('a resource and the profiles that it declares', () => {
  it('keeps the profiles that hold, and is the same object', () => {
    const resource = condition([`${CONDITION}|6.1.0`], { code: {} });
    const checked = checkProfiles(resource, {}, tables());
    expect(checked.resource).toBe(resource);
    expect(checked).toMatchObject({ checks: [{ profile: `${CONDITION}|6.1.0`, lacks: [] }], refused: [] });
  });

  it('loses a profile that does not hold, and keeps the others, the unknown ones and its meta', () => {
    const checked = checkProfiles(condition([`${CONDITION}|6.1.0`, `${CONDITION}|3.1.1`, 'urn:own']), {}, tables());
    expect(checked.resource['meta']).toEqual({ profile: [`${CONDITION}|3.1.1`, 'urn:own'], tag: [{ code: 't' }] });
    expect(checked.checks.map(({ lacks }) => lacks.length)).toEqual([1, 0]);
    expect(checkProfiles(condition([`${CONDITION}|6.1.0`]), {}, tables()).resource['meta']).toEqual({
      tag: [{ code: 't' }],
    });
  });

  it('keeps a canonical without version if one version holds, and otherwise tells what every version lacks', () => {
    const told = (profile: string[], policy: ProfilePolicy, all: ProfileTables): unknown[] => {
      const { resource, checks } = checkProfiles(condition(profile), policy, all);
      return [profilesOf(resource), checks.map((check) => [check.profile.replace(/.*\|/, ''), check.lacks.length])];
    };
    expect(told([CONDITION], {}, tables())).toEqual([[CONDITION], [['3.1.1', 0]]]);
    const both = [CONDITION, `${CONDITION}|6.1.0`];
    expect(told(both, {}, tables())).toEqual([
      [CONDITION],
      [
        ['3.1.1', 0],
        ['6.1.0', 1],
      ],
    ]);
    const never: ProfileTables = { ...tables(), lacksOf: () => [{ element: 'Condition.code', rule: 'min' }] };
    expect(told([CONDITION], {}, never)).toEqual([
      undefined,
      [
        ['3.1.1', 1],
        ['6.1.0', 1],
      ],
    ]);
  });

  it('is checked with the time that it is served with', () => {
    const times: unknown[] = [];
    const noting: ProfileTables = {
      ...tables(),
      lacksOf: (_profile, { meta }) => (times.push((meta as { lastUpdated?: unknown }).lastUpdated), []),
    };
    const resource = condition([`${CONDITION}|6.1.0`]);
    expect(checkProfiles(resource, {}, noting).resource).toBe(resource);
    expect(times).toEqual([expect.stringMatching(/^\d{4}-.*Z$/)]);
  });

  it('does not hold a profile of another type', () => {
    const { resource, checks } = checkProfiles(condition([`${CORE}us-core-patient`]), {}, tables());
    expect(profilesOf(resource)).toBeUndefined();
    expect(checks).toEqual([
      { profile: `${CORE}us-core-patient|6.1.0`, lacks: [{ element: 'Patient', rule: 'type' }] },
    ]);
  });

  it('is evaluated for a canonical without version until one version holds', () => {
    const counted = tables();
    checkProfiles(condition([CONDITION]), {}, counted);
    expect(counted.asked).toEqual([`${CONDITION}|3.1.1`]);
  });

  it('is evaluated once for each version of what it declares, and not at all without a known profile', () => {
    const asked = (resource: FhirResource): readonly string[] => {
      const counted = tables();
      checkProfiles(resource, {}, counted);
      return counted.asked;
    };
    const both = [`${CONDITION}|6.1.0`, `${CONDITION}|3.1.1`];
    expect(asked(condition([`${CONDITION}|6.1.0`, CONDITION, CONDITION, `${CONDITION}|6.1.0`]))).toEqual(both);
    expect(asked(condition([`${CORE}us-core-patient`]))).toEqual([]);
    for (const profile of [undefined, [], ['urn:own'], `${CONDITION}|6.1.0`, [{}, 1, null]])
      expect(asked(condition(profile))).toEqual([]);
    expect(asked({ resourceType: 'Condition', id: 'c' })).toEqual([]);
  });
});

describe('the policy', () => {
  const bad = condition([`${CONDITION}|6.1.0`]);
  it.each<[string, ProfilePolicy, boolean, number]>([
    ['unmarks by default', {}, false, 0],
    ['keeps', { [CONDITION]: 'keep' }, true, 0],
    ['refuses', { '*': 'refuse' }, false, 1],
  ])('%s', (_name, policy, marked, refused) => {
    const checked = checkProfiles(bad, policy, tables());
    expect([profilesOf(checked.resource) !== undefined, checked.refused.length]).toEqual([marked, refused]);
    expect(checked.checks[0]!.lacks).toHaveLength(1);
  });

  it('is the strictest rule of the known versions for a profile that is declared without one', () => {
    const never: ProfileTables = { ...tables(), lacksOf: () => [{ element: 'Condition.code', rule: 'min' }] };
    const told = (policy: ProfilePolicy): unknown => {
      const { resource, refused } = checkProfiles(condition([CONDITION]), policy, never);
      return [profilesOf(resource), refused.map(({ profile }) => profile.split('|')[1])];
    };
    // The example of docs/feeds.md.
    expect(told({ [CORE]: 'keep', [`${CONDITION}|6.1.0`]: 'refuse' })).toEqual([undefined, ['6.1.0']]);
    expect(told({ [CORE]: 'keep', [`${CONDITION}|3.1.1`]: 'unmark' })).toEqual([undefined, []]);
    expect(told({ [CONDITION]: 'refuse', [`${CONDITION}|3.1.1`]: 'keep' })).toEqual([undefined, ['6.1.0']]);
    expect(told({ [CORE]: 'keep' })).toEqual([[CONDITION], []]);
  });

  it('takes the most exact name', () => {
    const policy: ProfilePolicy = {
      '*': 'keep',
      'http://hl7.org/fhir/us/': 'unmark',
      [CORE]: 'refuse',
      [CONDITION]: 'keep',
      [`${CONDITION}|6.1.0`]: 'unmark',
    };
    expect(profileRule(`${CONDITION}|6.1.0`, policy)).toBe('unmark');
    expect(profileRule(`${CONDITION}|3.1.1`, policy)).toBe('keep');
    expect(profileRule(CONDITION, policy)).toBe('keep');
    expect(profileRule(`${CORE}us-core-patient`, policy)).toBe('refuse');
    expect(profileRule(PRIOR, policy)).toBe('unmark');
    expect(profileRule('urn:own', policy)).toBe('keep');
    expect(profileRule('constructor', {})).toBe('unmark');
  });

  it('is read from a file, and a fault of it is named without its values', () => {
    const known = `${CORE}us-core-patient`;
    expect(
      readProfilePolicy(JSON.stringify({ profiles: { '*': 'keep', [CORE]: 'refuse', [known]: 'unmark' } })),
    ).toEqual({ ok: true, policy: { '*': 'keep', [CORE]: 'refuse', [known]: 'unmark' } });
    const faultOf = (file: unknown): string => {
      const reading = readProfilePolicy(typeof file === 'string' ? file : JSON.stringify(file));
      return reading.ok ? 'none' : reading.fault;
    };
    expect(faultOf('{')).toBe('is not JSON');
    expect(faultOf([])).toBe('must be a JSON object');
    expect(faultOf({ profile: {} })).toBe('has a member other than "profiles"');
    expect(faultOf({ profiles: [] })).toBe('"profiles" must be an object of profile and rule');
    expect(faultOf({ profiles: { '*': 'drop' } })).toBe('"profiles" entry 1 must be one of "refuse", "unmark", "keep"');
    for (const name of [
      `${known}s`,
      `${known}|9.9.9`,
      `${CORE}none/`,
      'http://nowhere.example/',
      '',
      CORE.slice(0, -1),
    ])
      expect(faultOf({ profiles: { '*': 'keep', [name]: 'keep' } }), name).toMatch(/^"profiles" entry 2 must be named/);
  });
});

describe('a denied prior authorization', () => {
  const DISCRIMINATOR = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator';
  const action = (code: string, guide = 'pdex'): object => ({
    url: `http://hl7.org/fhir/us/davinci-${guide}/StructureDefinition/extension-reviewAction`,
    extension: [
      {
        url: `http://hl7.org/fhir/us/davinci-${guide}/StructureDefinition/extension-reviewActionCode`,
        valueCodeableConcept: { coding: [{ system: 'https://codesystem.x12.org/005010/306', code }] },
      },
    ],
  });
  const adjudication = (category: string, code?: string, reason?: object, guide?: string): object => ({
    ...(code !== undefined && { extension: [action(code, guide)] }),
    category: { coding: [{ system: DISCRIMINATOR, code: category }] },
    ...(reason !== undefined && { reason }),
  });
  const prior = (more: object, profile?: string[]): FhirResource =>
    ({ resourceType: 'ExplanationOfBenefit', use: 'preauthorization', meta: { profile }, ...more }) as FhirResource;
  const HEADER = 'ExplanationOfBenefit.adjudication:denialreason.reason';
  const ITEM = 'ExplanationOfBenefit.item.adjudication:denialreason.reason';
  const lacks = (more: object): string[] =>
    checkProfiles(prior(more), {}, tables()).checks.flatMap((check) => check.lacks.map(({ element }) => element));
  const WHY = { coding: [{ system: 'https://x12.org/codes/claim-adjustment-reason-codes', code: '50' }] };

  it.each<[string, object, string[]]>([
    ['no adjudication', {}, []],
    ['an approval', { item: [{ adjudication: [adjudication('allowedunits', 'A1')] }] }, []],
    ['a denied item with a reason', { item: [{ adjudication: [adjudication('denialreason', 'A3', WHY)] }] }, []],
    [
      'a denied item with a text',
      { item: [{ adjudication: [adjudication('denialreason', 'A3', { text: 'x' })] }] },
      [],
    ],
    ['a denied item without one', { item: [{ adjudication: [adjudication('denialreason', 'A3')] }] }, [ITEM]],
    ['a blank reason', { item: [{ adjudication: [adjudication('denialreason', 'A3', { text: ' ' })] }] }, [ITEM]],
    ['a denial among units', { item: [{ adjudication: [adjudication('allowedunits', 'A3')] }] }, [ITEM]],
    ['a denial by PAS', { item: [{ adjudication: [adjudication('allowedunits', 'A3', undefined, 'pas')] }] }, [ITEM]],
    ['a denied added item', { addItem: [{ adjudication: [adjudication('denialreason')] }] }, [ITEM]],
    ['a denied request', { adjudication: [adjudication('denialreason', 'A3')] }, [HEADER]],
    [
      'a denied request whose item says why',
      {
        adjudication: [adjudication('denialreason', 'A3')],
        item: [{ adjudication: [adjudication('denialreason', 'A3', WHY)] }],
      },
      [],
    ],
    [
      'a denied request with a reason for all items',
      { adjudication: [adjudication('denialreason', 'A3', WHY)], item: [{ adjudication: [adjudication('x', 'A3')] }] },
      [],
    ],
    [
      'one of two items without a reason',
      {
        item: [
          { adjudication: [adjudication('denialreason', 'A3', WHY)] },
          { adjudication: [adjudication('denialreason', 'A3')] },
        ],
      },
      [ITEM],
    ],
    ['what is no list', { adjudication: {}, item: [null, { adjudication: [null, { extension: [null] }] }] }, []],
  ])('%s', (_name, more, missing) => {
    expect(lacks(more)).toEqual(missing);
    expect(lacks({ ...more, use: 'claim' })).toEqual([]);
  });

  it('belongs to the profile of PDex, in the declared version or in none, and takes no mark away', () => {
    const denied = { item: [{ adjudication: [adjudication('denialreason', 'A3')] }] };
    const declared = checkProfiles(prior(denied, [PRIOR]), { '*': 'refuse' }, tables());
    expect([profilesOf(declared.resource), declared.refused]).toEqual([[PRIOR], []]);
    expect(declared.checks).toEqual([{ profile: `${PRIOR}|2.1.0`, lacks: [{ element: ITEM, rule: 'denial-reason' }] }]);
    const [undeclared] = checkProfiles(prior(denied), {}, tables()).checks;
    expect(undeclared).toEqual({ profile: PRIOR, lacks: [{ element: ITEM, rule: 'denial-reason' }] });
    expect(shortcomingName(undeclared!, undeclared!.lacks[0]!)).toBe(`pdex-priorauthorization ${ITEM} (denial-reason)`);
  });
});
