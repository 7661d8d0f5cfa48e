import { describe, expect, it } from 'vitest';
import { Refusal } from '@provider-access/kernel';
import { searchOf, SERVED_TYPES } from '@provider-access/fhir';
import { readElements } from './elements.ts';
import { Given, type GivenParameter } from './given.ts';
import { MOST_CONDITIONS, readTypeFilters } from './type-filters.ts';

const BASE = 'https://us.example/fhir';
interface Options {
  readonly types?: readonly string[];
  readonly inScope?: (type: string) => boolean;
  readonly lenient?: boolean;
}
const read = (url: readonly GivenParameter[], body: readonly GivenParameter[], options: Options = {}) =>
  readTypeFilters(new Given([...url, ...body], options.lenient ?? false), {
    types: options.types ?? SERVED_TYPES,
    inScope: options.inScope ?? (() => true),
    base: BASE,
    url,
  });
const given = (values: readonly string[]): GivenParameter[] => values.map((value) => ({ name: '_typeFilter', value }));
/** As the frame decodes a URL. */
const onUrl = (query: string) =>
  read(
    [...new URLSearchParams(query)].map(([name, value]) => ({ name, value })),
    [],
  );
const inBody = (...values: string[]) => read([], given(values));
const faultOf = (of: () => unknown) => {
  try {
    of();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { kind: error.kind, text: error.message, parameter: error.expression };
  }
  return undefined;
};
const observation = (...conditions: (readonly [string, string])[]) => [{ type: 'Observation', conditions }];

/** A value of each kind of search parameter. */
const VALUES: Readonly<Record<string, string>> = {
  token: 'a',
  date: '2024-01-01',
  reference: 'Practitioner/p',
  string: 'a',
  uri: 'http://a.example',
  number: '1',
  quantity: '1',
  composite: 'a$1',
};
// Bulk Data 3: a parameter of searches that a filter lacks has the extension operation-not-supported. None needs it.
it('E80: a filter takes every search parameter of every type', () => {
  let taken = 0;
  for (const type of SERVED_TYPES)
    for (const { name, kind, owner } of searchOf(type)!.parameters) {
      const value = owner === true ? 'Patient/p' : VALUES[kind]!;
      const filter = `${type}?${name}=${encodeURIComponent(value)}`;
      expect(
        faultOf(() => inBody(filter)),
        filter,
      ).toBeUndefined();
      taken += 1;
    }
  expect(taken).toBeGreaterThan(100);
});

describe('_typeFilter on the URL', () => {
  it.each([
    ['Observation%3Fcode%3Da%252Cb', observation(['code', 'a,b'])],
    ['Observation%3Fcode%3Da%5C%2Cb', observation(['code', 'a\\,b'])],
    ['Observation%3Fcode%3Da%2526b', observation(['code', 'a&b'])],
    ['Observation%3Fcode%3Da%26status%3Dfinal', observation(['code', 'a'], ['status', 'final'])],
    ['Observation%3Fcode%3Dhttp://loinc.org%7C1-2', observation(['code', 'http://loinc.org|1-2'])],
    ['Observation%3Fcode%3Dhttp://loinc.org%257C1-2', observation(['code', 'http://loinc.org|1-2'])],
    ['Observation%3Fcode%3Da%5C%24b', observation(['code', 'a\\$b'])],
    ['Observation%3Fdate%3Dge2020-01-01T00:00:00%2B00:00', observation(['date', 'ge2020-01-01T00:00:00+00:00'])],
    ['Observation%3Fdate%3Dge2020-01-01T00:00:00%252B00:00', observation(['date', 'ge2020-01-01T00:00:00+00:00'])],
    ['Observation%3Fdate%3Dge2020-01-01T00:00:00+00:00', observation(['date', 'ge2020-01-01T00:00:00 00:00'])],
  ])('E4: decodes %s once, and its values once more', (query, filters) => {
    expect(onUrl(`_typeFilter=${query}`)).toEqual(filters);
  });
  it('E4: hostile: never decodes a second time what hides the ?', () => {
    expect(faultOf(() => onUrl('_typeFilter=Observation%253Fcode%253Da'))).toMatchObject({ kind: 'invalid-value' });
    expect(faultOf(() => onUrl('_typeFilter=Observation%3Fcode%3D%25zz'))).toMatchObject({ kind: 'invalid-value' });
  });
});

describe('_typeFilter', () => {
  it('E5: takes a plain filter and an encoded one in a body', () => {
    const wanted = observation(['code', 'a|b'], ['status', 'final']);
    expect(inBody('Observation?code=a|b&status=final')).toEqual(wanted);
    expect(inBody('Observation%3Fcode%3Da%7Cb%26status%3Dfinal')).toEqual(wanted);
    for (const value of ['Observation', 'code=a', '?code=a', 'observation?code=a', 'Observation%253Fcode=a', '/x?y'])
      expect(faultOf(() => inBody(value))).toMatchObject({ kind: 'invalid-value', parameter: '_typeFilter' });
  });
  it('E20, E21: takes repetitions and comma lists, and splits only before Type?', () => {
    const list = 'Observation?code=a,b,Condition?code=c,Observation?status=final';
    const three = [...observation(['code', 'a,b']), { type: 'Condition', conditions: [['code', 'c']] }];
    expect(inBody(list)).toEqual([...three, ...observation(['status', 'final'])]);
    expect(inBody(...list.split(/,(?=[A-Z])/))).toEqual(inBody(list));
    expect(inBody('Observation?code=a,Nonsense?b')).toEqual(observation(['code', 'a,Nonsense?b']));
    expect(inBody('Observation?code=a\\,Condition?b')).toEqual(observation(['code', 'a\\,Condition?b']));
  });
  it.each([
    ['Observation?nonsense=1', 'nonsense'],
    ['Observation?date=yesterday', 'date'],
    ['Observation?code:nonsense=1', 'code'],
    ['Observation?code=', 'code'],
    ['Observation?', 'condition'],
    ['Observation?_totalMethod=x', '_totalMethod'],
    ['Observation?_format=json', '_format'],
  ])('E20: refuses %s, and names filter and parameter, lenient or not', (value, name) => {
    for (const lenient of [false, true]) {
      const fault = faultOf(() => read([], given([value]), { lenient }))!;
      expect([fault.parameter, fault.text]).toEqual(['_typeFilter', expect.stringContaining(name)]);
      expect(fault.text).toContain('Observation');
    }
  });
  it.each([...['_include', '_revinclude', '_sort', '_count', '_total', '_summary', '_elements', '_include:iterate']])(
    'E22: refuses %s by name',
    (name) => {
      const fault = faultOf(() => inBody(`Observation?code=a&${name}=x`));
      expect(fault).toMatchObject({
        kind: 'not-supported',
        text: expect.stringContaining(name.split(':')[0]!) as string,
      });
    },
  );
  it.each(['_has:Provenance:target:agent', 'patient.identifier', 'subject:Patient.name', 'performer.name'])(
    'E23: refuses %s by name',
    (name) => {
      const fault = faultOf(() => inBody(`Observation?${name}=x`));
      expect(fault).toMatchObject({ kind: 'not-supported', text: expect.stringContaining(name) as string });
    },
  );
  it('E24: the type must be among the exported ones, and in the scope', () => {
    const filter = given(['Observation?code=a']);
    expect(faultOf(() => read([], filter, { types: ['Patient'] }))).toMatchObject({ kind: 'invalid-value' });
    expect(faultOf(() => read([], filter, { inScope: () => false }))).toMatchObject({ kind: 'insufficient-scope' });
    expect(faultOf(() => inBody('Claim?status=active'))).toMatchObject({ kind: 'invalid-value' });
  });
  it('E26: takes as many conditions as the budget of a search allows, and no more', () => {
    const names = (n: number) => `Patient?name=${Array.from({ length: n }, (_, at) => `n${at}`).join(',')}`;
    expect(inBody(names(MOST_CONDITIONS))).toHaveLength(1);
    for (const values of [[names(MOST_CONDITIONS + 1)], [names(150), names(51)], [names(990)]])
      expect(faultOf(() => inBody(...values))).toMatchObject({ kind: 'over-budget', parameter: '_typeFilter' });
    expect(inBody(names(150), names(51).replace('Patient', 'Practitioner'))).toHaveLength(2);
  });
  it('E26: takes a long list of codes, but not 10,001 values or 1 MB', () => {
    const codes = (n: number, text = 'c') => `Observation?code=${Array.from({ length: n }, () => text).join(',')}`;
    expect(inBody(codes(1000))).toHaveLength(1);
    const tooMuch = [
      [codes(10_001)],
      Array.from({ length: 11 }, () => codes(1000)),
      [codes(900, 'x'.repeat(1200))],
      [`Observation?code=${'a?'.repeat(600_000)}`],
    ];
    for (const values of tooMuch) {
      expect(faultOf(() => inBody(...values))).toMatchObject({ kind: 'over-budget' });
    }
  });
  it.each(['Observation?code=a?b', 'Observation?code=Patient?_id=x', 'Patient?name=(a%2B)%2B$', 'Patient?name=%5B%5E'])(
    'hostile: %s is text, and nothing else',
    (value) => {
      expect(inBody(value)).toHaveLength(1);
    },
  );
  it('never repeats a value of the client in a text', () => {
    for (const value of ['Observation?date=SECRET', 'SECRET?x=y', 'Observation?SECRET%20=1', 'SECRET'])
      expect(faultOf(() => inBody(value))!.text).not.toContain('SECRET');
  });
});

describe('_elements', () => {
  const elements = (...values: string[]) =>
    readElements(
      new Given(
        values.map((value) => ({ name: '_elements', value })),
        false,
      ),
      ['Patient', 'Observation'],
    );
  it('E30: takes root elements of one type or of all', () => {
    expect(elements('Patient.name,Patient.birthDate')).toEqual({ Patient: ['name', 'birthDate'] });
    expect(elements('code', 'Observation.value')).toEqual({ Patient: ['code'], Observation: ['code', 'value'] });
  });
  it.each([
    'Patient.name.family',
    'name.family',
    'Patient.nonsense',
    'nonsense',
    '',
    'Coverage.status',
    'Patient.',
    '.x',
  ])('E30: refuses %j, unknown or nested', (value) => {
    expect(faultOf(() => elements(value))).toMatchObject({ kind: 'invalid-value', parameter: '_elements' });
  });
});
