/** Dev-time only: writes src/definitions/profile-table.ts. */
import { writeFileSync } from 'node:fs';
import { fetchPackage } from '@provider-access/definitions';
import { PROFILE_PACKAGES, profileTable } from './profile-table.ts';

for (const each of PROFILE_PACKAGES) await fetchPackage(each);
const text = profileTable();
writeFileSync(new URL('../src/definitions/profile-table.ts', import.meta.url), text);
process.stdout.write(`profiles: ${text.length} bytes\n`);
