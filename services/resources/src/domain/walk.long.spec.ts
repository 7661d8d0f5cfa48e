import { foreignSets } from '@provider-access/definitions';
import type { FhirResource } from '@provider-access/fhir';
import { Random, seed } from '@provider-access/testing/search';
import { describe, expect, it } from 'vitest';
import { generated, mutated } from '../../test/walk/generate.ts';
import { synthetic, verdicts } from '../../test/walk/verdicts.ts';

/** ms. Only a test that hangs reaches it: beside much other work, the foreign data take more than two minutes. */
const LONGEST = 600_000;

const sets = foreignSets();
const WITHOUT = sets === undefined ? ' (skipped without shared/data/foreign)' : '';
function* foreign(): Generator<FhirResource> {
  for (const { lines } of sets ?? []) for (const line of lines()) yield JSON.parse(line) as FhirResource;
}

describe('one walk decides as the functions that it replaces, or passes on', { timeout: LONGEST }, () => {
  it.skipIf(WITHOUT)(`for resources that others wrote, of which it passes on less than 2 %${WITHOUT}`, () => {
    const { equal, passedOn } = verdicts(foreign());
    process.stderr.write(`walk: ${equal} foreign resources are equal, ${passedOn} passed on\n`);
    expect(equal).toBeGreaterThan(35_000);
    expect(passedOn / (equal + passedOn)).toBeLessThan(0.02);
  });

  it.skipIf(WITHOUT)(`for resources that others wrote, with changes${WITHOUT}`, () => {
    const random = new Random(seed);
    const given = [...foreign()].filter(() => random.chance(0.1));
    verdicts(Array.from({ length: 20_000 }, () => mutated(random, random.one(given), random.one(given))));
  });

  it('for 100,000 resources with random elements of R4, and with changes', () => {
    const random = new Random(seed);
    const given = synthetic(3);
    for (let n = 0; n < 50; n++) {
      const some = Array.from({ length: 1_000 }, () => generated(random));
      const { equal, passedOn } = verdicts(some);
      expect(equal).toBeGreaterThan(passedOn);
      verdicts(
        some.map((resource) => mutated(random, random.chance(0.5) ? resource : random.one(given), random.one(given))),
      );
    }
  });
});
