import { describe, expect, it } from 'vitest';

import { Random, seed } from '@provider-access/testing/search';
import { compare, extractionFault, FILTERS } from './compare.ts';
import { foreignResources, WITHOUT } from './foreign.ts';

const foreign = foreignResources(/\.tar\.gz$/, 2_000);

describe.skipIf(WITHOUT)(`all foreign resources${WITHOUT}`, () => {
  const poolOf = (type: string) => foreign?.get(type) ?? [];

  it('have the values that the FHIRPath engine of HL7 finds', () => {
    for (const { type, parameter } of FILTERS)
      for (const resource of poolOf(type)) expect(extractionFault(parameter, resource)).toBeUndefined();
  });

  it('are found by the same queries as by the rules of FHIR', () => {
    const { answers, found } = compare(new Random(seed), poolOf, 100_000);
    process.stderr.write(`all foreign resources: ${answers} answers, ${found} of them found\n`);
    expect(found).toBeGreaterThan(answers / 10);
  });
});
