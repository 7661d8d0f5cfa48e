import { whyWithout } from '@provider-access/definitions';
import { describe, expect, test } from 'vitest';
import { PROFILE_PACKAGES, profileTable } from '../scripts/profile-table.ts';

const why = whyWithout(...PROFILE_PACKAGES);

describe.skipIf(why)(`the packages of HL7${why}`, () => {
  test('say what the table of profiles says (npm run tables writes it)', async () => {
    await expect(profileTable()).toMatchFileSnapshot('../src/definitions/profile-table.ts');
  });
});
