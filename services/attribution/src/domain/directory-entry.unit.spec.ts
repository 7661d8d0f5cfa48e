import { describe, expect, it } from 'vitest';
import { directoryEntryOf } from './directory-entry.ts';

const AT = '2026-03-01T08:30:00.000Z';
const NPI = { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' };
const coded = (code: unknown, system = 'http://nucc.org/provider-taxonomy') => ({ coding: [{ system, code }] });
const role = (more: object = {}) => ({
  resourceType: 'PractitionerRole',
  id: 'r1',
  practitioner: { reference: 'Practitioner/p1' },
  organization: { reference: 'Organization/o1' },
  specialty: [coded('207RC0000X')],
  ...more,
});
const entry = { entry: 'PractitionerRole/r1', businessTime: AT, of: ['Practitioner/p1', 'Organization/o1'] };

describe('N7 an entry of the directory', () => {
  it.each<[string, object, object | undefined]>([
    ['a role', role(), { ...entry, specialties: ['207RC0000X'], providers: [] }],
    [
      'a role with parties by identifier and by URL',
      role({
        practitioner: { identifier: NPI },
        organization: { reference: 'https://example.org/fhir/Organization/o1' },
      }),
      { ...entry, of: ['Organization/o1'], specialties: ['207RC0000X'], providers: ['npi|1234567893'] },
    ],
    [
      'a role whose specialties are partly of another system, in words, or repeated',
      role({
        specialty: [
          coded('207RC0000X', 'http://snomed.info/sct'),
          { text: 'Cardiology' },
          coded(7),
          coded('208600000X'),
          coded('208600000X'),
          'x',
        ],
      }),
      { ...entry, specialties: ['208600000X'], providers: [] },
    ],
    ['a role that has ended', role({ active: false }), { ...entry, of: [], specialties: [], providers: [] }],
    [
      'a role without anything',
      { resourceType: 'PractitionerRole', id: 'r1' },
      { ...entry, of: [], specialties: [], providers: [] },
    ],
    [
      'an organization',
      {
        resourceType: 'Organization',
        id: 'o1',
        identifier: [NPI, NPI, { system: 'urn:oid:2.16.840.1.113883.4.4', value: '12-3456789' }, { value: '1' }, null],
      },
      { entry: 'Organization/o1', businessTime: AT, providers: ['npi|1234567893', 'tin|123456789'] },
    ],
    [
      'an NPI with a wrong check digit',
      { resourceType: 'Practitioner', id: 'p1', identifier: [{ ...NPI, value: '1234567890' }] },
      { entry: 'Practitioner/p1', businessTime: AT, providers: [] },
    ],
    ['another resource', { resourceType: 'Location', id: 'l1' }, undefined],
    ['a resource without an id', { resourceType: 'Organization' }, undefined],
  ])('%s', (_what, resource, expected) => {
    expect(directoryEntryOf(resource as Readonly<Record<string, unknown>>, AT)).toEqual(expected);
  });
});

it('M31 a party says that it is not active, and nothing if it is', () => {
  const party = (more: object) =>
    directoryEntryOf({ resourceType: 'Practitioner', id: 'p1', identifier: [NPI], ...more }, AT);
  const active = { entry: 'Practitioner/p1', businessTime: AT, providers: ['npi|1234567893'] };
  expect(party({ active: false })).toEqual({ ...active, active: false });
  expect(party({ active: true })).toEqual(active);
  expect(party({})).toEqual(active);
});
