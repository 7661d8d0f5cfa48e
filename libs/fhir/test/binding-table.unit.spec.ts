import { HL7_PACKAGES, whyWithout } from '@provider-access/definitions';
import { describe, expect, test } from 'vitest';
import { bindingTable } from '../scripts/binding-table.ts';

const why = whyWithout(HL7_PACKAGES.R4);

describe.skipIf(why)(`the package of HL7${why}`, () => {
  test('says what the table of required bindings says (npm run tables writes it)', async () => {
    await expect(bindingTable()).toMatchFileSnapshot('../src/definitions/binding-table.ts');
  });
});
