import { describe, expect, it } from 'vitest';

import { BASE, filterOf, matches } from '../../test/search/values.ts';
import { searchOf, type SearchParameter } from './definitions.ts';
import { dateOf, referencesIn } from './evaluate.ts';

const parameterOf = (type: string, name: string): SearchParameter =>
  searchOf(type)!.parameters.find((parameter) => parameter.name === name)!;
const found = (resource: { resourceType: string }, key: string, value: string): boolean =>
  matches(filterOf(resource.resourceType, key, value), resource);

describe('dates', () => {
  const observation = (effective: object) => ({ resourceType: 'Observation', ...effective });
  const timing = (repeat: object, event: string[] = []) => observation({ effectiveTiming: { event, repeat } });

  it.each([
    ['a day in a month', { effectiveDateTime: '2013-01-14' }, '2013-01', true],
    ['a month is not in a day', { effectiveDateTime: '2013-01' }, '2013-01-14', false],
    ['an instant in its day', { effectiveDateTime: '2013-01-14T10:00:00Z' }, '2013-01-14', true],
    [
      'an instant in the day before, in its zone',
      { effectiveDateTime: '2013-01-14T23:30:00-05:00' },
      '2013-01-15',
      true,
    ],
    ['a minute', { effectiveInstant: '2013-01-14T10:00:30Z' }, '2013-01-14T10:00Z', true],
    ['the last day of a year', { effectiveDateTime: '2013-12-31' }, 'gt2013', false],
    ['a Period that goes on', { effectivePeriod: { start: '2013-01-14' } }, 'gt2030', true],
    ['a Period that began at some time', { effectivePeriod: { end: '2013-01-14' } }, 'lt1990', true],
    ['a Period that spans the value', { effectivePeriod: { start: '2012', end: '2014' } }, 'eq2013', false],
    ['a Period that starts after', { effectivePeriod: { start: '2013-03-15' } }, 'sa2013-03-14', true],
    ['a Period that is over', { effectivePeriod: { start: '2012', end: '2013-01' } }, 'eb2013-02', true],
    ['the next day, approximately', { effectiveDateTime: '2013-01-15' }, 'ap2013-01-14', true],
    ['two days later, approximately', { effectiveDateTime: '2013-01-16' }, 'ap2013-01-14', false],
    ['a value of another type', { effectiveString: '2013' }, 'ge1900', false],
  ])('%s', (_what, effective, value, expected) => {
    expect(found(observation(effective), 'date', value)).toBe(expected);
  });

  it('takes the outer limits of a Timing', () => {
    const bounded = timing({ boundsPeriod: { start: '2013-01-31', end: '2013-03-24' } });
    expect(found(bounded, 'date', 'lt2013-02-01')).toBe(true);
    expect(found(bounded, 'date', 'gt2013-03-01')).toBe(true);
    expect(found(timing({}, ['2013-01-01', '2014-01-01']), 'date', 'sa2013-06')).toBe(false);
    expect(found(timing({ frequency: 1 }), 'date', 'ge1900')).toBe(false);
  });

  it('sorts by the earliest start', () => {
    const service = parameterOf('ExplanationOfBenefit', 'service-date');
    const claim = (billablePeriod: object, servicedDate?: string) => ({
      resourceType: 'ExplanationOfBenefit',
      billablePeriod,
      item: servicedDate === undefined ? [] : [{ servicedDate }],
    });
    expect(dateOf(service, claim({ start: '2020-02-01' }, '2020-01-15'))).toBe(Date.UTC(2020, 0, 15));
    expect(dateOf(service, claim({ end: '2020-02-01' }))).toBe(Date.parse('0001-01-01T00:00:00Z'));
    expect(dateOf(service, claim({}))).toBeUndefined();
  });
});

describe('tokens', () => {
  const loinc = { system: 'http://loinc.org', code: '8302-2', display: 'Body Height' };
  const observation = {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [loinc, { code: 'Local' }], text: 'Größe' },
  };

  it.each([
    ['code', '8302-2', true],
    ['code', 'http://loinc.org|8302-2', true],
    ['code', 'HTTP://loinc.org|8302-2', false],
    ['code', 'http://loinc.org|', true],
    ['code', '|8302-2', false],
    ['code', '|local', true],
    ['code', 'http://loinc.org|Local', false],
    ['code', 'x,8302-2', true],
    ['code:not', '8302-2', false],
    ['code:not', 'x', true],
    ['code:text', 'grosse', false],
    ['code:text', 'GROSS', false],
    ['code:text', 'groß', true],
    ['code:text', 'body', true],
    ['status', 'http://hl7.org/fhir/observation-status|final', true],
    ['status', 'http://other|final', false],
    ['category:missing', 'true', true],
    ['category:not', 'laboratory', true],
  ])('%s=%s', (key, value, expected) => {
    expect(found(observation, key, value)).toBe(expected);
  });
});

describe('quantities', () => {
  const measured = (valueQuantity: object) => ({ resourceType: 'Observation', valueQuantity });

  it.each([
    [{ value: 5.43 }, '5.4', true],
    [{ value: 5.43 }, '5.40', false],
    [{ value: 5.35 }, '5.4', true],
    [{ value: 5.4, code: 'mg', system: 'http://unitsofmeasure.org' }, '5.4|http://unitsofmeasure.org|mg', true],
    [{ value: 5.4, unit: 'mg' }, '5.4||mg', true],
    [{ value: 5.4, unit: 'mg' }, '5.4|http://unitsofmeasure.org|mg', false],
    [{ value: 5, comparator: '<' }, 'lt5', true],
    [{ value: 5, comparator: '<' }, 'ge5', false],
    [{ value: 5, comparator: '<=' }, 'ge5', true],
    [{ value: 5, comparator: '>' }, 'le5', false],
    [{ value: 5, comparator: '>' }, 'sa5', true],
    [{ value: 109 }, 'ap100', true],
    [{ value: 111 }, 'ap100', false],
    [{ value: 149 }, '1e2', true],
    [{ unit: 'mg' }, '5', false],
  ])('%j and %s', (quantity, value, expected) => {
    expect(found(measured(quantity), 'value-quantity', value)).toBe(expected);
  });
});

describe('references', () => {
  const encounter = (reference: string) => ({ resourceType: 'Encounter', location: [{ location: { reference } }] });

  it.each([
    ['Location/a', 'a', true],
    ['Location/a', 'Location/a', true],
    ['Location/a', `${BASE}/Location/a`, true],
    ['Location/a', 'http://other.example/Location/a', false],
    [`${BASE}/Location/a`, 'a', true],
    ['http://other.example/Location/a', 'a', false],
    ['http://other.example/Location/a', 'http://other.example/Location/a', true],
    ['Location/a/_history/2', 'Location/a', true],
    ['#a', 'a', false],
    ['urn:uuid:1', 'urn:uuid:1', true],
  ])('%s and location=%s', (reference, value, expected) => {
    expect(found(encounter(reference), 'location', value)).toBe(expected);
    expect(found(encounter(reference), 'location:missing', 'false')).toBe(true);
  });

  it('compares the identifier of a reference', () => {
    const logical = {
      resourceType: 'Encounter',
      location: [{ location: { identifier: { system: 'urn:l', value: '7' } } }],
    };
    expect(found(logical, 'location:identifier', 'urn:l|7')).toBe(true);
    expect(found(logical, 'location:identifier', '8')).toBe(false);
  });

  it('finds each version of a canonical, unless the search names one', () => {
    const response = { resourceType: 'QuestionnaireResponse', questionnaire: 'http://q|1.0' };
    expect(found(response, 'questionnaire', 'http://q')).toBe(true);
    expect(found(response, 'questionnaire', 'http://q\\|1.0')).toBe(true);
    expect(found(response, 'questionnaire', 'http://q\\|2.0')).toBe(false);
  });

  it('names the resources that an include adds', () => {
    const claim = {
      resourceType: 'ExplanationOfBenefit',
      patient: { reference: 'Patient/p' },
      provider: { reference: `${BASE}/Organization/o` },
      insurer: { reference: 'http://other.example/Organization/x' },
      careTeam: [
        { provider: { reference: 'Practitioner/d/_history/1' } },
        { provider: { reference: 'Practitioner/d' } },
      ],
    };
    expect(referencesIn('ExplanationOfBenefit', '*', claim, BASE).toSorted()).toEqual([
      'Organization/o',
      'Patient/p',
      'Practitioner/d',
    ]);
    expect(referencesIn('ExplanationOfBenefit', 'care-team', claim)).toEqual(['Practitioner/d']);
    expect(referencesIn('Coverage', '*', claim)).toEqual([]);
  });
});

describe('strings', () => {
  const patient = {
    resourceType: 'Patient',
    name: [{ family: "O'Brien-Núñez", given: ['Ana  María'], use: 'official' }],
  };

  it.each([
    ['name', 'ana maria', true],
    ['name', 'María', false],
    ['name:contains', 'maría', true],
    ['name:exact', 'Ana  María', true],
    ['name:exact', 'Ana María', false],
    ['family', "o'brien", true],
    ['family:contains', 'nunez', true],
    ['name', 'official', false],
  ])('%s=%s', (key, value, expected) => {
    expect(found(patient, key, value)).toBe(expected);
  });
});
