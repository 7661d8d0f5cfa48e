/**
 * Dev-time only: writes src/definitions/profile-table.ts. Run `node scripts/generate-profiles.mjs` in
 * libs/fhir where `shared/data/ig` is beside the repository.
 */
import { writeFileSync } from 'node:fs';
import { sharedData } from './packages.ts';
import { profileTable } from './profile-table.ts';

const folder = sharedData('ig');
if (folder === undefined) throw new Error('shared/data/ig is not in a folder above this one');
const text = profileTable(folder);
writeFileSync(new URL('../src/definitions/profile-table.ts', import.meta.url), text);
process.stdout.write(`${text.length} bytes\n`);
