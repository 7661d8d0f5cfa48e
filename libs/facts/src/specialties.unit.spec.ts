import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DirectoryEntryRecorded, PA_DIRECTORY, type ProviderKey } from '@provider-access/events';
import { ours } from '../test/records.ts';
import { Specialties } from './specialties.ts';

const NPIS: readonly ProviderKey[] = ['npi|1234567893', 'npi|1000000012'];
const PARTIES = ['Practitioner/p1', 'Organization/o1'];
const CODES = ['207RC0000X', '208600000X', '207N00000X'];
const instant = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const record = (data: DirectoryEntryRecorded) =>
  ours(PA_DIRECTORY, 'pa.directory-entry-recorded.v1', {
    id: 'e',
    subject: data.entry,
    source: 'urn:s',
    at: instant(0),
    data,
  });

const minute = fc.integer({ min: 0, max: 5 });
const providers = fc.subarray([...NPIS]);
const entries = fc.array(
  fc.oneof(
    fc.record({ entry: fc.constantFrom(...PARTIES), at: minute, providers }),
    fc.record({
      entry: fc.constantFrom('PractitionerRole/r1', 'PractitionerRole/r2'),
      at: minute,
      providers,
      of: fc.subarray(PARTIES),
      specialties: fc.subarray(CODES),
    }),
  ),
  { maxLength: 20 },
);

describe('N7 the specialties of a provider', () => {
  it('are those of the roles that name it, or a resource with its identifier, in any order', () => {
    fc.assert(
      fc.property(entries, (all) => {
        const product = new Specialties();
        all.forEach(({ at, ...data }, n) => {
          product.evolve(record({ ...data, businessTime: instant(at) }));
          // The newest of each resource; of two with one time, the later one.
          const newest = new Map<string, (typeof all)[number]>();
          for (const one of all.slice(0, n + 1))
            if ((newest.get(one.entry)?.at ?? -1) <= one.at) newest.set(one.entry, one);
          for (const npi of NPIS) {
            const names = [...newest.values()].filter((one) => !('of' in one) && one.providers.includes(npi));
            const codes = [...newest.values()].flatMap((one) =>
              'of' in one && (one.providers.includes(npi) || names.some(({ entry }) => one.of.includes(entry)))
                ? one.specialties
                : [],
            );
            expect(product.of(npi).toSorted()).toEqual([...new Set(codes)].toSorted());
          }
        });
      }),
    );
  });

  it('are none from a resource that was forgotten', () => {
    const product = new Specialties();
    const role = { entry: 'PractitionerRole/r1', businessTime: instant(1), providers: [NPIS[0]!], of: [] };
    product.evolve(record({ ...role, specialties: [CODES[0]!] }));
    expect(product.of(NPIS[0]!)).toEqual([CODES[0]]);
    product.forget(role.entry);
    expect(product.of(NPIS[0]!)).toEqual([]);
  });
});

describe('M31 a provider that is not active', () => {
  const [NPI, OTHER] = NPIS as [ProviderKey, ProviderKey];
  const party = (entry: string, at: number, active?: false): DirectoryEntryRecorded => ({
    entry,
    businessTime: instant(at),
    providers: [NPI],
    ...(active === false && { active }),
  });
  const after = (...all: readonly DirectoryEntryRecorded[]): Specialties => {
    const known = new Specialties();
    for (const one of all) known.evolve(record(one));
    return known;
  };
  it.each<[string, readonly DirectoryEntryRecorded[], boolean]>([
    ['nobody knows the provider', [], false],
    ['an active entry', [party('Practitioner/p1', 1)], false],
    ['an entry that is not active', [party('Practitioner/p1', 1, false)], true],
    ['an entry that became active', [party('Practitioner/p1', 1, false), party('Practitioner/p1', 2)], false],
    ['an entry that was active later', [party('Practitioner/p1', 2), party('Practitioner/p1', 1, false)], false],
    ['one of two entries is active', [party('Practitioner/p1', 2, false), party('Practitioner/p2', 1)], false],
    ['an active role of a party that is not', [party('Practitioner/p1', 1, false), role(NPI)], true],
    ['a role alone', [role(NPI)], false],
  ])('%s', (_name, all, expected) => {
    expect(after(...all).deactivated(NPI)).toBe(expected);
    expect(after(...all).deactivated(OTHER)).toBe(false);
  });
  it('counts as not active while its newest entry cannot be read', () => {
    const known = after(party('Practitioner/p1', 1));
    known.forget('Practitioner/p1');
    expect(known.deactivated(NPI)).toBe(true);
    known.evolve(record(party('Practitioner/p1', 2)));
    expect(known.deactivated(NPI)).toBe(false);
  });
});
const role = (npi: ProviderKey): DirectoryEntryRecorded => ({
  entry: 'PractitionerRole/r1',
  businessTime: instant(3),
  providers: [npi],
  of: ['Practitioner/p1'],
  specialties: [CODES[0]!],
});
