import { describe, expect, test } from 'vitest';
import { resolveUrns, Wrapper } from './wrap.ts';

const TIME = '2026-01-01T00:00:00.000Z';
const wrapper = (): Wrapper => new Wrapper('urn:example:payer', TIME);

describe('wrapping a resource', () => {
  test.each([
    [{ resourceType: 'Patient', id: 'p1' }, 'payer.resource-recorded.v1', 'p1'],
    [{ resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } }, 'payer.resource-recorded.v1', 'p1'],
    [
      { resourceType: 'Coverage', id: 'v1', beneficiary: { reference: 'https://ehr.example/fhir/Patient/p1' } },
      'payer.resource-recorded.v1',
      'p1',
    ],
    // Its type is not served, but it belongs to a member, so intake counts it.
    [{ resourceType: 'Claim', id: 'k1', patient: { reference: 'Patient/p1' } }, 'payer.resource-recorded.v1', 'p1'],
    [
      { resourceType: 'ImagingStudy', id: 'i1', subject: { reference: 'Patient/p1' } },
      'payer.resource-recorded.v1',
      'p1',
    ],
    [{ resourceType: 'Device', id: 'd1', patient: { reference: 'Patient/p1' } }, 'payer.resource-recorded.v1', 'p1'],
    [{ resourceType: 'Device', id: 'd2' }, 'payer.provider-recorded.v1', 'd2'],
    [{ resourceType: 'Medication', id: 'm1' }, 'payer.provider-recorded.v1', 'm1'],
    [{ resourceType: 'Organization', id: 'o1' }, 'payer.provider-recorded.v1', 'o1'],
    [{ resourceType: 'Group', id: 'g1' }, 'payer.provider-recorded.v1', 'g1'],
  ])('$resourceType/$id becomes %s of %s', (resource, type, subject) => {
    expect(wrapper().wrap(resource)).toMatchObject({
      ok: true,
      event: { type, subject, time: TIME, data: { resource } },
    });
  });

  test.each([
    [{ resourceType: 'Patient' }, 'a Patient without id'],
    [{ resourceType: 'Observation', id: 'o1' }, 'Observation.subject holds no reference to Patient/<id>'],
    [{ resourceType: 'Observation', id: 'o1', subject: { reference: 'Group/g' } }, 'Observation.subject'],
    [
      { resourceType: 'Provenance', id: 'v', target: [{ reference: 'Condition/unheard-of' }] },
      'no target of the Provenance',
    ],
  ])('%o is refused by element, not by content', (resource, reason) => {
    const wrapped = wrapper().wrap(resource);
    expect(wrapped).toMatchObject({ ok: false, reason: expect.stringContaining(reason) as string });
  });

  test('a Provenance goes where its target went', () => {
    const w = wrapper();
    w.wrap({ resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' } });
    expect(
      w.wrap({
        resourceType: 'Provenance',
        id: 'v',
        target: [{ reference: 'Condition/other' }, { reference: 'Condition/c1' }],
      }),
    ).toMatchObject({ ok: true, event: { subject: 'p1' } });
  });

  test('the same content is the same event, other content another; meta.lastUpdated is its time when it is one', () => {
    const id = (resource: Record<string, unknown>): string => {
      const wrapped = wrapper().wrap({ resourceType: 'Patient', id: 'p1', ...resource });
      return wrapped.ok ? wrapped.event.id : '';
    };
    expect(id({ gender: 'other' })).toBe(id({ gender: 'other' }));
    expect(id({ gender: 'other' })).not.toBe(id({ gender: 'female' }));
    expect(
      wrapper().wrap({ resourceType: 'Patient', id: 'p1', meta: { lastUpdated: '2020-02-03T04:05:06+01:00' } }),
    ).toMatchObject({ event: { time: '2020-02-03T03:05:06.000Z' } });
    expect(wrapper().wrap({ resourceType: 'Patient', id: 'p1', meta: { lastUpdated: 'yesterday' } })).toMatchObject({
      event: { time: TIME },
    });
  });
});

test('references by fullUrl are found at any depth, others stay', () => {
  const value = { a: [{ b: { reference: 'urn:uuid:1' } }, { reference: 'urn:uuid:2' }], reference: 'urn:uuid:1' };
  resolveUrns(value, new Map([['urn:uuid:1', 'Patient/p1']]));
  expect(value).toEqual({
    a: [{ b: { reference: 'Patient/p1' } }, { reference: 'urn:uuid:2' }],
    reference: 'Patient/p1',
  });
});

test('references are found in a Bundle of more entries than a call may have arguments', () => {
  const entry = Array.from({ length: 300_000 }, () => ({ reference: 'urn:uuid:1' }));
  resolveUrns({ entry }, new Map([['urn:uuid:1', 'Patient/p1']]));
  expect([entry[0], entry.at(-1)]).toEqual([{ reference: 'Patient/p1' }, { reference: 'Patient/p1' }]);
});
