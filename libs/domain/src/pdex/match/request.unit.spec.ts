import { describe, expect, it } from 'vitest';

import { type Json, NOW, sampleBundle } from '../../../test/match/sample.ts';
import { readBundle } from './read-bundle.ts';
import { readRequest } from './request.ts';

const request = (...parameter: unknown[]) => ({ resourceType: 'Parameters', parameter });
const bundles = (body: unknown) => {
  const reading = readRequest(body);
  return reading.ok ? reading.bundles : [];
};

describe('M5: a body that cannot be used as a whole', () => {
  it.each([
    ['no object', 5, 'resourceType: Parameters'],
    ['null', null, 'resourceType: Parameters'],
    ['a Bundle', { resourceType: 'Bundle', entry: [] }, 'resourceType: Parameters'],
    ['no parameter', { resourceType: 'Parameters' }, 'MemberBundle'],
    ['parameters that are no list', { resourceType: 'Parameters', parameter: {} }, 'MemberBundle'],
    ['none of them a MemberBundle', request({ name: 'other' }, 5, null), 'MemberBundle'],
  ])('%s: the text names the fault', (_what, body, text) => {
    expect(readRequest(body)).toMatchObject({ ok: false, text: expect.stringContaining(text) as string });
  });
});

it('M6: one bad bundle does not stop the others', () => {
  const found = bundles(request(sampleBundle(), { name: 'MemberBundle', part: 5 }, sampleBundle()));
  expect(found.map(({ place, part }) => readBundle(part, place, NOW).ok)).toEqual([true, false, true]);
});

it('M10, M11: counts bundles of both names, and ignores other parameters', () => {
  const found = bundles(
    request({ name: 'note', valueString: 'x' }, sampleBundle(), { ...sampleBundle(), name: 'MembersToMatch' }),
  );
  expect(found.map(({ place }) => place)).toEqual([1, 2]);
});

describe('ids of contained resources', () => {
  const of = (...patients: (string | number | undefined)[]) =>
    bundles(request(...patients.map((id) => sampleBundle({ patient: { id } as Json })))).map(({ ids }) => ids.patient);
  it('are those of the request', () => {
    expect(of('a', 'b')).toEqual(['a', 'b']);
  });
  it('are unique, also beside ids that look like made ones', () => {
    expect(new Set(of('a', 'a', 'a-2', 'a', 'patient-5', undefined, 7, '__proto__')).size).toBe(8);
    expect(of('a', 'a', 'b')[0]).toBe('a');
    expect(of('a', 'a', 'b')[2]).toBe('b');
  });
  it('are ids of FHIR, also where the submitted ones are long or none', () => {
    for (const id of of('x'.repeat(64), 'x'.repeat(64), 'a b', 'y'.repeat(65)))
      expect(id).toMatch(/^[A-Za-z0-9.-]{1,64}$/);
  });
  it('differ between Patients and Coverages', () => {
    const [one] = bundles(request(sampleBundle({ patient: { id: 'same' }, coverage: { id: 'same' } })));
    expect(one?.ids.patient).not.toBe(one?.ids.coverage);
  });
  it('of 100,000 equal ones need as many steps', () => {
    const bundle = sampleBundle();
    const found = bundles(request(...Array.from({ length: 100_000 }, () => bundle)));
    expect(new Set(found.map(({ ids }) => ids.patient)).size).toBe(100_000);
  });
});

describe('M58: the same patient in two bundles', () => {
  it('is recognised by name and birth date, whatever the id is', () => {
    const twice = sampleBundle({ patient: { id: 'other' }, coverage: { id: 'c2' } });
    const other = sampleBundle({ patient: { birthDate: '1965-08-16' } });
    expect(bundles(request(sampleBundle(), twice, other)).map(({ isRepeated }) => isRepeated)).toEqual([
      true,
      true,
      false,
    ]);
  });
  it('is nobody where the Patient has no name', () => {
    const bad = { name: 'MemberBundle', part: [] };
    expect(bundles(request(bad, bad)).map(({ isRepeated }) => isRepeated)).toEqual([false, false]);
  });
});
