import { describe, expect, it } from 'vitest';

import { carriedReferencesOf, ownerOf, parseReference, referencesOf } from './references.ts';
import { isServedType, isSharedType, KNOWN_R4_TYPES, SERVED_TYPES, SHARED_TYPES } from './types.ts';

describe('parseReference', () => {
  it.each([
    ['Patient/m1', { kind: 'literal', type: 'Patient', id: 'm1' }],
    ['Patient/m1/_history/3', { kind: 'literal', type: 'Patient', id: 'm1', version: '3' }],
    [
      'https://x.example/fhir/Patient/m1',
      { kind: 'literal', base: 'https://x.example/fhir', type: 'Patient', id: 'm1' },
    ],
    [
      'https://x.example/fhir/Patient/m1/_history/3',
      { kind: 'literal', base: 'https://x.example/fhir', type: 'Patient', id: 'm1', version: '3' },
    ],
    ['#a', { kind: 'contained', id: 'a' }],
    ['urn:uuid:0-1', { kind: 'other', text: 'urn:uuid:0-1' }],
    ['Patient?identifier=1', { kind: 'other', text: 'Patient?identifier=1' }],
    ['Nonsense/1', { kind: 'other', text: 'Nonsense/1' }],
    ['Patient/a b', { kind: 'other', text: 'Patient/a b' }],
    ['Patient/', { kind: 'other', text: 'Patient/' }],
    ['/Patient', { kind: 'other', text: '/Patient' }],
    ['Patient', { kind: 'other', text: 'Patient' }],
    ['', { kind: 'other', text: '' }],
    ['Patient/m1\n', { kind: 'other', text: 'Patient/m1\n' }],
    [`Patient/${'a'.repeat(65)}`, { kind: 'other', text: `Patient/${'a'.repeat(65)}` }],
    ['Group/Patient/m1', { kind: 'other', text: 'Group/Patient/m1' }],
  ])('parses %s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });
});

describe('ownerOf', () => {
  it.each([
    ['subject', { resourceType: 'Observation', subject: { reference: 'Patient/m1' } }, { kind: 'patient', id: 'm1' }],
    [
      'beneficiary',
      { resourceType: 'Coverage', beneficiary: { reference: 'Patient/m1' } },
      { kind: 'patient', id: 'm1' },
    ],
    ['the patient itself', { resourceType: 'Patient', id: 'm1' }, { kind: 'patient', id: 'm1' }],
    [
      'another server’s patient',
      { resourceType: 'Goal', subject: { reference: 'https://x/Patient/m1' } },
      { kind: 'patient', id: 'm1', base: 'https://x' },
    ],
    ['a Patient without id', { resourceType: 'Patient' }, { kind: 'unreadable', element: 'id' }],
    ['a missing subject', { resourceType: 'Observation' }, { kind: 'unreadable', element: 'subject' }],
    [
      'a subject that is a Group',
      { resourceType: 'Observation', subject: { reference: 'Group/g' } },
      { kind: 'unreadable', element: 'subject' },
    ],
    [
      'a contained subject',
      { resourceType: 'Observation', subject: { reference: '#p' } },
      { kind: 'unreadable', element: 'subject' },
    ],
    ['a directory type', { resourceType: 'Organization', id: 'x' }, { kind: 'none' }],
    ['a Medication', { resourceType: 'Medication', id: 'x' }, { kind: 'none' }],
  ])('reads %s', (_name, resource, expected) => {
    expect(ownerOf(resource)).toEqual(expected);
  });

  it('gives a Provenance its targets', () => {
    expect(
      ownerOf({
        resourceType: 'Provenance',
        target: [{ reference: 'Patient/m1' }, { reference: 'Observation/o' }, { display: 'x' }],
      }),
    ).toEqual({
      kind: 'targets',
      targets: [
        { kind: 'literal', type: 'Patient', id: 'm1' },
        { kind: 'literal', type: 'Observation', id: 'o' },
      ],
    });
  });
});

it('finds relative references at any depth, once, without versions, in order', () => {
  expect(
    referencesOf({
      resourceType: 'Observation',
      subject: { reference: 'Patient/m1' },
      contained: [{ resourceType: 'PractitionerRole', practitioner: { reference: 'Practitioner/p/_history/2' } }],
      performer: [{ reference: 'Practitioner/p' }, { reference: '#a' }, { reference: 'https://x/Organization/o' }],
      extension: [{ url: 'u', extension: [{ url: 'v', valueReference: { reference: 'Location/l' } }] }],
    }),
  ).toEqual(['Patient/m1', 'Practitioner/p', 'Location/l']);
});

it('finds absolute references to this server alone', () => {
  const resource = {
    resourceType: 'Observation',
    performer: ['https://x/fhir/Organization/o', 'https://y/fhir/Organization/p', 'https://x/Organization/q'].map(
      (reference) => ({ reference }),
    ),
    encounter: { reference: 'https://x/fhir/Encounter/e/_history/2' },
  };
  expect(referencesOf(resource, 'https://x/fhir')).toEqual(['Organization/o', 'Encounter/e']);
  expect(carriedReferencesOf(resource)).toEqual([]);
});

it('omits the targets of a Provenance, and keeps agents and locations', () => {
  const provenance = {
    resourceType: 'Provenance',
    target: [{ reference: 'Medication/m' }, { reference: 'Practitioner/both' }],
    agent: [{ who: { reference: 'Practitioner/both' }, onBehalfOf: { reference: 'Organization/o' } }],
    location: { reference: 'Location/l' },
  };
  expect(carriedReferencesOf(provenance)).toEqual(['Practitioner/both', 'Organization/o', 'Location/l']);
  const request = { resourceType: 'MedicationRequest', medicationReference: { reference: 'Medication/m' } };
  expect(carriedReferencesOf(request)).toEqual(['Medication/m']);
});

it('distinguishes served, known and unknown types', () => {
  expect(SERVED_TYPES.every((type) => KNOWN_R4_TYPES.has(type))).toBe(true);
  expect(SHARED_TYPES.every(isServedType)).toBe(true);
  expect([
    isServedType('Claim'),
    KNOWN_R4_TYPES.has('Claim'),
    KNOWN_R4_TYPES.has('Klaim'),
    isSharedType('Organization'),
    isSharedType('Patient'),
  ]).toEqual([false, true, false, true, false]);
  expect(KNOWN_R4_TYPES.size).toBe(146);
});
