import { describe, expect, test } from 'vitest';
import { sharedData } from '../scripts/packages.ts';
import { profileTable } from '../scripts/profile-table.ts';
import { skipped } from './search/foreign.ts';

const folder = sharedData('ig');
if (folder === undefined) skipped('the comparison of the table of profiles with the packages of HL7');

describe.skipIf(folder === undefined)('the packages of HL7', () => {
  test('say what the table of profiles says (scripts/generate-profiles.mjs writes it)', async () => {
    await expect(profileTable(folder!)).toMatchFileSnapshot('../src/definitions/profile-table.ts');
  });
});
