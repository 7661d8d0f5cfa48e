import { describe, expect, it } from 'vitest';
import { storedKeys, submittedIds } from './keys.ts';

const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const OURS = 'https://payer.example/members';
const coverage = (identifier: object, subscriberId?: string): object => ({
  resourceType: 'Coverage',
  identifier: [identifier],
  ...(subscriberId !== undefined && { subscriberId }),
});
const asked = (system: string | undefined, value: string): Parameters<typeof submittedIds>[0] => ({
  memberIds: [{ value, ...(system !== undefined && { system }) }],
});
const finds = (submitted: Parameters<typeof submittedIds>[0], stored: object, systems: string[] = []): boolean =>
  submittedIds(submitted, systems)
    .flat()
    .some((key) => storedKeys(stored).includes(key));

describe('ids and their systems (M40, M45)', () => {
  const stored = coverage({ type: MB, system: OURS, value: 'W12' });
  const plain = coverage({ type: MB, value: 'W12' });
  it.each<[string, string | undefined, object, readonly string[], boolean]>([
    ['the same system', OURS, stored, [], true],
    ['another spelling of the system', 'HTTP://payer.example/members', stored, [], true],
    ['no system', undefined, stored, [], true],
    ["the provider's own system", 'https://clinic.example/mrn', stored, [], false],
    ['a system, and none in the Coverage', OURS, plain, [], false],
    ['a configured system, and none in the Coverage', OURS, plain, [OURS], true],
    ['a configured system', OURS, stored, [OURS], true],
    ['no system, with configured ones', undefined, stored, [OURS], true],
    ['another one than the configured', 'https://clinic.example/mrn', plain, [OURS], false],
    ['one of several', 'urn:old', stored, [OURS, 'urn:old'], true],
    ["another payer's in the store, with configured ones", undefined, stored, ['urn:new'], false],
  ])('%s', (_, system, of, systems, found) => expect(finds(asked(system, 'W12'), of, [...systems])).toBe(found));

  it('finds a subscriber id by a subscriber id, and by a member id without a system', () => {
    const of = coverage({ value: 'x' }, 'S-77 1');
    expect(finds({ memberIds: [], subscriberId: 's771' }, of)).toBe(true);
    expect(finds(asked(undefined, 'S771'), of)).toBe(true);
    expect(finds(asked(OURS, 'S771'), of)).toBe(false);
    expect(finds(asked(OURS, 'S771'), of, [OURS])).toBe(true);
  });
  it('finds the numbers of members alone', () => {
    const type = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] };
    expect(finds(asked(undefined, 'W12'), coverage({ type, value: 'W12' }))).toBe(false);
    expect(finds(asked(undefined, 'W12'), coverage({ value: 'W12' }))).toBe(false);
    expect(finds(asked(undefined, 'W12'), { resourceType: 'Patient', identifier: [{ type: MB, value: 'w-12' }] })).toBe(
      true,
    );
  });
  it('does not find an almost equal id (M43)', () => expect(finds(asked(undefined, 'W21'), stored)).toBe(false));
  it('counts an id that was given twice once', () =>
    expect(submittedIds({ memberIds: [{ value: 'W12' }, { value: 'w-12' }], subscriberId: 'W12' }, [])).toHaveLength(
      1,
    ));
  it('has no key for an empty id', () => {
    expect(submittedIds({ memberIds: [{ value: ' - ' }], subscriberId: '' }, [OURS])).toEqual([]);
    expect(storedKeys(coverage({ type: MB, value: '--' }, ' '))).toEqual([]);
  });
});

it('holds no id, name or date in clear text', () => {
  const patient = { resourceType: 'Patient', name: [{ family: 'Quillfeather' }], birthDate: '1980-03-04' };
  expect(storedKeys(patient)).toEqual([expect.stringMatching(/^[\w-]{22}$/)]);
});
it.each([undefined, null, 'x', [], { resourceType: 'Coverage', identifier: 'x', subscriberId: {} }])(
  'reads %j without an error',
  (resource) => expect(storedKeys(resource)).toEqual([]),
);
