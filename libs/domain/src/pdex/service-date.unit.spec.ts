import type { FhirResource } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';

import { beforeFloor, serviceDate } from './service-date.ts';

const old = '2010-05-01';
const active = { coding: [{ code: 'active' }] };
const resolved = { coding: [{ code: 'resolved' }] };

describe('stays, although it began long ago', () => {
  it.each<[string, FhirResource]>([
    ['an active Condition', { resourceType: 'Condition', onsetDateTime: old, clinicalStatus: active }],
    ['a Condition without status', { resourceType: 'Condition', onsetDateTime: old }],
    [
      'an active MedicationRequest',
      {
        resourceType: 'MedicationRequest',
        status: 'active',
        authoredOn: '2012-01-01',
        dispenseRequest: { validityPeriod: { end: '2013-01-01' } },
      },
    ],
    ['a CarePlan with an open period', { resourceType: 'CarePlan', status: 'active', period: { start: old } }],
    ['a CareTeam with an open period', { resourceType: 'CareTeam', status: 'active', period: { start: old } }],
    ['an active Goal', { resourceType: 'Goal', lifecycleStatus: 'active', startDate: old }],
    ['an active allergy', { resourceType: 'AllergyIntolerance', clinicalStatus: active, lastOccurrence: old }],
    [
      'a resolved allergy without a date',
      { resourceType: 'AllergyIntolerance', clinicalStatus: resolved, recordedDate: old },
    ],
    ['an Encounter in progress', { resourceType: 'Encounter', status: 'in-progress', period: { start: old } }],
    [
      'an Encounter that ended in 2016',
      { resourceType: 'Encounter', status: 'finished', period: { start: old, end: '2016-01-01' } },
    ],
    [
      'a visit of the new year east of Greenwich, in UTC still 2015',
      { resourceType: 'Encounter', status: 'finished', period: { start: old, end: '2016-01-01T00:30:00+10:00' } },
    ],
    [
      'a claim with one item in 2016',
      {
        resourceType: 'ExplanationOfBenefit',
        use: 'claim',
        billablePeriod: { start: old, end: '2015-12-31' },
        item: [{ servicedDate: old }, { servicedPeriod: { end: '2016-02-01' } }],
      },
    ],
    ['a claim without a date of service', { resourceType: 'ExplanationOfBenefit', use: 'claim', created: old }],
    [
      'an open prior authorization',
      {
        resourceType: 'ExplanationOfBenefit',
        use: 'preauthorization',
        status: 'active',
        outcome: 'queued',
        created: old,
        preAuthRefPeriod: [{ start: old, end: old }],
      },
    ],
    ['an Observation without a date', { resourceType: 'Observation', status: 'final' }],
    ['an Observation whose date cannot be read', { resourceType: 'Observation', effectiveDateTime: 'long ago' }],
    ['a Patient', { resourceType: 'Patient', birthDate: '1950-01-01' }],
    ['a Coverage', { resourceType: 'Coverage', period: { start: old, end: old } }],
    ['a Provenance', { resourceType: 'Provenance', recorded: '2010-05-01T00:00:00Z' }],
    ['a Device', { resourceType: 'Device', manufactureDate: old }],
  ])('%s', (_name, resource) => {
    expect(beforeFloor(resource)).toBe(false);
  });
});

describe('R9: goes, for all of it was before 2016', () => {
  it.each<[string, FhirResource]>([
    ['an Encounter', { resourceType: 'Encounter', status: 'finished', period: { start: old, end: '2015-12-31' } }],
    ['a finished Encounter without an end', { resourceType: 'Encounter', status: 'finished', period: { start: old } }],
    [
      'an evening visit west of Greenwich',
      { resourceType: 'Encounter', status: 'finished', period: { start: old, end: '2015-12-31T23:30:00-05:00' } },
    ],
    ['a year', { resourceType: 'Observation', effectiveDateTime: '2015' }],
    [
      'an abated Condition',
      { resourceType: 'Condition', onsetDateTime: old, abatementDateTime: '2015-06-01', clinicalStatus: resolved },
    ],
    [
      'a resolved Condition without abatement',
      { resourceType: 'Condition', onsetDateTime: old, clinicalStatus: resolved },
    ],
    ['a stopped MedicationRequest', { resourceType: 'MedicationRequest', status: 'stopped', authoredOn: '2012-01-01' }],
    ['a completed CarePlan', { resourceType: 'CarePlan', status: 'completed', period: { start: old } }],
    ['a resolved allergy', { resourceType: 'AllergyIntolerance', clinicalStatus: resolved, lastOccurrence: old }],
    [
      'a claim',
      {
        resourceType: 'ExplanationOfBenefit',
        use: 'claim',
        billablePeriod: { start: old, end: old },
        item: [{ servicedDate: old }],
      },
    ],
    [
      'a used prior authorization',
      {
        resourceType: 'ExplanationOfBenefit',
        use: 'preauthorization',
        status: 'active',
        outcome: 'complete',
        preAuthRefPeriod: [{ start: old, end: '2015-01-01' }],
      },
    ],
    ['an Immunization', { resourceType: 'Immunization', occurrenceDateTime: old }],
    ['a Procedure', { resourceType: 'Procedure', status: 'completed', performedPeriod: { start: old, end: old } }],
    [
      'a result that says only when it was issued',
      { resourceType: 'DiagnosticReport', issued: '2010-05-01T00:00:00Z' },
    ],
    ['a Specimen', { resourceType: 'Specimen', collection: { collectedDateTime: old } }],
    [
      'a document',
      {
        resourceType: 'DocumentReference',
        date: '2010-05-01T00:00:00Z',
        context: { period: { start: old, end: old } },
      },
    ],
  ])('%s', (_name, resource) => {
    expect(beforeFloor(resource)).toBe(true);
  });

  it('measured against another floor too', () => {
    const visit: FhirResource = { resourceType: 'Encounter', status: 'finished', period: { end: '2019-07-01' } };
    expect([beforeFloor(visit), beforeFloor(visit, '2020-01-01'), beforeFloor(visit, '2019-07-01')]).toEqual([
      false,
      true,
      false,
    ]);
    expect(() => beforeFloor(visit, 'soon')).toThrow(RangeError);
  });
});

it('gives the view a day: the end, else the start, else nothing', () => {
  expect(serviceDate({ resourceType: 'Encounter', period: { start: old, end: '2024-03-01T10:00:00Z' } })).toBe(
    '2024-03-01',
  );
  expect(serviceDate({ resourceType: 'Condition', onsetDateTime: old, clinicalStatus: active })).toBe(old);
  expect(serviceDate({ resourceType: 'Patient' })).toBeUndefined();
  expect(serviceDate({ resourceType: 'Observation' })).toBeUndefined();
});
