import { describe, expect, test } from 'vitest';
import { bindingTable } from '../scripts/binding-table.ts';
import { sharedData } from '../scripts/packages.ts';
import { skipped } from './search/foreign.ts';

const folder = sharedData('ig');
if (folder === undefined) skipped('the comparison of the table of required bindings with the package of HL7');

describe.skipIf(folder === undefined)('the package of HL7', () => {
  test('says what the table of required bindings says (scripts/generate-bindings.mjs writes it)', async () => {
    await expect(bindingTable(folder!)).toMatchFileSnapshot('../src/definitions/binding-table.ts');
  });
});
