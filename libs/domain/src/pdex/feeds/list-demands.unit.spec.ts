import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { coverageLacks, patientLacks } from './index.ts';

const number = {
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] },
  system: 'https://payer.example/members',
  value: 'm1',
};
const COVERAGE = {
  resourceType: 'Coverage',
  id: 'c',
  status: 'active',
  subscriberId: 'S-1',
  period: { start: '2025-01-01' },
  payor: [{ reference: 'Organization/payer' }],
  class: [
    {
      type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/coverage-class', code: 'plan' }] },
      value: 'P',
    },
  ],
  identifier: [number],
};

// By hand from the profiles atr-patient and atr-coverage of ATR 2.1.0.
describe('what ATR demands of members on a list (A16)', () => {
  it('is met by a Patient with an identifier, and by a whole Coverage', () => {
    expect(patientLacks({ resourceType: 'Patient', id: 'm', identifier: [number] } as FhirResource)).toEqual([]);
    expect(coverageLacks(COVERAGE)).toEqual([]);
    expect(coverageLacks({ ...COVERAGE, identifier: undefined })).toEqual([]);
    expect(coverageLacks({ ...COVERAGE, identifier: [{ value: 'x' }] })).toEqual([]);
  });
  it.each([
    [{ subscriberId: undefined }, 'Coverage.subscriberId'],
    [{ subscriberId: '' }, 'Coverage.subscriberId'],
    [{ period: undefined }, 'Coverage.period'],
    [{ payor: [] }, 'Coverage.payor'],
    [{ class: [{ ...COVERAGE.class[0], value: undefined }] }, 'Coverage.class:plan'],
    [{ class: [{ value: 'P' }] }, 'Coverage.class:plan'],
    [{ class: undefined }, 'Coverage.class:plan'],
    [{ identifier: [{ ...number, system: undefined }] }, 'Coverage.identifier:MB'],
    [{ identifier: [{ ...number, value: '' }] }, 'Coverage.identifier:MB'],
    [{ status: 'cancelled' }, 'Coverage.status'],
  ])('a Coverage with %j lacks %s', (other, element) => {
    expect(coverageLacks({ ...COVERAGE, ...other } as FhirResource)).toEqual([element]);
  });
  it('names what is not there', () => {
    expect(patientLacks(undefined)).toEqual(['Patient']);
    expect(patientLacks({ resourceType: 'Patient', id: 'm' })).toEqual(['Patient.identifier']);
    expect(patientLacks({ resourceType: 'Patient', id: 'm', identifier: 'odd' } as FhirResource)).toEqual([
      'Patient.identifier',
    ]);
    expect(coverageLacks(undefined)).toEqual(['Coverage']);
  });
});
