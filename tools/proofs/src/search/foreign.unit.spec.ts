import { describe, expect, it } from 'vitest';

import { cases, Random, seed } from '@provider-access/testing/search';
import { compare, extractionFault, FILTERS } from './compare.ts';
import { foreignResources, WITHOUT } from './foreign.ts';

const foreign = foreignResources(/^examples-/, cases(40));

describe.skipIf(WITHOUT)(`resources that HL7 and CMS wrote${WITHOUT}`, () => {
  const poolOf = (type: string) => foreign?.get(type) ?? [];

  it('have the values that the FHIRPath engine of HL7 finds', () => {
    const faults = FILTERS.flatMap(({ type, parameter }) =>
      poolOf(type).map((resource) => extractionFault(parameter, resource)),
    );
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    expect(faults.length).toBeGreaterThan(500);
  });

  it('are found by the same queries as by the rules of FHIR', () => {
    const { answers, found } = compare(new Random(seed), poolOf, cases(3_000));
    process.stderr.write(`foreign resources: ${answers} answers, ${found} of them found\n`);
    expect(found).toBeGreaterThan(answers / 10);
  });
});
