import { type FhirResource, checkShape } from '@provider-access/fhir';
import { expect } from 'vitest';
import { findMoney } from '../../src/pdex/find-money.ts';
import { redact } from '../../src/pdex/redact/redact.ts';

export const money = { value: 12.5, currency: 'USD' };

export const category = (code: string, system = 'http://terminology.hl7.org/CodeSystem/adjudication') => ({
  coding: [{ system, code }],
});

export const BASIS = 'http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator';

export const claim = (more: Record<string, unknown> = {}): FhirResource => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'e1',
  status: 'active',
  type: { text: 'pharmacy' },
  use: 'claim',
  patient: { reference: 'Patient/m1' },
  created: '2024-01-01',
  insurer: { display: 'p' },
  provider: { display: 'q' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c1' } }],
  ...more,
});

export const observation = (more: Record<string, unknown> = {}): FhirResource => ({
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { text: 'x' },
  ...more,
});

export function redacted(resource: FhirResource): FhirResource {
  const { resource: after } = redact(resource);
  expect(findMoney(after)).toEqual([]);
  expect(checkShape(after)).toEqual([]);
  expect(redact(after).resource).toBe(after);
  return after;
}
