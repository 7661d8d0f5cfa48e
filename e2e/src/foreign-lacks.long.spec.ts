import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkShape, type FhirResource } from '@provider-access/fhir';
import { type KnownProfile, type Lack, lacksOf, profilesNamed } from '@provider-access/fhir/profiles';
import { Random, seed } from '@provider-access/testing/search';
import { foreignFolder, resourcesOf, unpack } from './foreign-data.ts';
import { mutated } from './mutations.ts';
import { errorsOf, HAS_VALIDATOR, type Issue } from './validator.ts';

const SETS = ['examples-carin-2.2.0-sushi', 'examples-pdex-2.2.0', 'examples-uscore-6.1.0'];
const MUTATIONS = 1500;
if (!HAS_VALIDATOR)
  console.warn('SKIPPED: lacks by the validator, since shared/tools/validator is not beside this checkout');

interface Case {
  readonly profile: KnownProfile;
  readonly resource: FhirResource;
  readonly change: string;
}

/** Errors that the table cannot see (docs/adr/0050-profile-tables.md). */
const NOT_CHECKED: readonly (readonly [reason: string, isIt: (issue: Issue) => boolean])[] = [
  // The validator has a message of its own for dom-3, and numbers the other invariants.
  ['an invariant of R4 or of the profile', ({ id = '' }) => id.includes('#') || id === 'CONTAINED_ORPHAN_DOM3'],
  [
    'a code that its own system does not have, where no required binding asks for it',
    ({ id }) => id === 'Terminology_PassThrough_TX_Message',
  ],
  ['an extension without a value (ext-1 of R4)', ({ id }) => id === 'Extension_EXT_Simple_ABSENT'],
  [
    'the content of an extension that the profile does not name',
    ({ id, at, msg }) =>
      id === 'Validation_VAL_Profile_Minimum' && /extension\[\d+\]$/.test(at) && msg.startsWith('Extension.'),
  ],
  ['base64 of R4', ({ id }) => id === 'TYPE_SPECIFIC_CHECKS_DT_ATT_B64_DECODE_FAIL'],
];
/** Whether the validator, without the code systems, cannot see a lack: a coding of another system or without a code. */
function isOffline({ unchecked }: KnownProfile, { element, rule }: Lack, change: string): boolean {
  if (rule !== 'binding') return false;
  const open = unchecked.some((text) => text.startsWith(`${element}: the codes of `));
  return open || /\b(code|system) (removed|another code|another system)$/.test(change);
}

/** The resource declares the profile in the version that the validator has, and nothing else. */
function declaring(resource: FhirResource, { url, version, guide }: KnownProfile): FhirResource {
  const meta = { lastUpdated: '2020-01-01T00:00:00Z', ...(resource['meta'] as object) };
  // The package that SUSHI makes has no versions.
  return { ...resource, meta: { ...meta, profile: [guide.name === 'CARIN BB' ? url : `${url}|${version}`] } };
}

/** Each example with each profile that it declares, in each version of which the validator has the package. */
function examples(): Case[] {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-lacks-'));
  try {
    for (const set of SETS) unpack(join(foreignFolder()!, `${set}.tar.gz`), join(work, set));
    return [...resourcesOf(work)].flatMap(({ resource: { text: _text, ...resource } }) => {
      const declared = (resource['meta'] as { profile?: string[] } | undefined)?.profile ?? [];
      return declared
        .flatMap((canonical) => profilesNamed(canonical.split('|')[0]!))
        .filter(({ guide }) => guide.name !== 'CARIN BB' || guide.version === '2.2.0')
        .map((profile) => ({ profile, resource: declaring(resource as FhirResource, profile), change: 'nothing' }));
    });
  } finally {
    rmSync(work, { recursive: true });
  }
}

describe.skipIf(!HAS_VALIDATOR)('lacks of the examples of the guides, as they are and changed at random', () => {
  test('are there exactly where HL7’s validator finds an error of a kind that the table knows', () => {
    const random = new Random(seed);
    const given = examples();
    const byProfile = [...Map.groupBy(given, ({ profile }) => profile).values()];
    const cases = [...given];
    while (cases.length < given.length + MUTATIONS) {
      const { profile, resource } = random.one(random.one(byProfile));
      const { resource: changed, change } = mutated(resource, random);
      // Intake refuses what is no R4.
      if (checkShape(changed).length === 0) cases.push({ profile, resource: changed, change });
    }
    const errors = errorsOf(cases.map(({ resource }) => resource));
    const [missed, invented]: [string[], string[]] = [[], []];
    const counts = { both: 0, neither: 0, notChecked: 0, offline: 0 };
    cases.forEach(({ profile, resource, change }, at) => {
      const lacks = lacksOf(profile, resource);
      const seen = errors[at]!.filter((issue) => !NOT_CHECKED.some(([, isIt]) => isIt(issue)));
      const about = `${profile.url}|${profile.version} ${resource.resourceType}/${resource.id}: ${change}`;
      if (lacks.length > 0 && errors[at]!.length > 0) counts.both += 1;
      else if (lacks.length === 0 && seen.length > 0)
        missed.push(`${about}: ${seen.map(({ at: place, id, msg }) => `${place} ${id} ${msg}`).join('; ')}`);
      else if (lacks.length === 0) counts[errors[at]!.length > 0 ? 'notChecked' : 'neither'] += 1;
      else if (lacks.every((lack) => isOffline(profile, lack, change))) counts.offline += 1;
      else invented.push(`${about}: ${lacks.map(({ element, rule }) => `${element} ${rule}`).join('; ')}`);
    });
    console.log(`seed ${seed}: ${cases.length} cases, ${JSON.stringify(counts)}`);
    expect(missed).toEqual([]);
    expect(invented).toEqual([]);
    expect(counts.both).toBeGreaterThan(100);
  }, 3_600_000);
});
