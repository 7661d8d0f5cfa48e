/**
 * Dev-time only: writes src/definitions/binding-table.ts. Run `node scripts/generate-bindings.mjs` in
 * libs/fhir where `shared/data/ig` is beside the repository.
 */
import { writeFileSync } from 'node:fs';
import { bindingTable } from './binding-table.ts';
import { sharedData } from './packages.ts';

const folder = sharedData('ig');
if (folder === undefined) throw new Error('shared/data/ig is not in a folder above this one');
const text = bindingTable(folder);
writeFileSync(new URL('../src/definitions/binding-table.ts', import.meta.url), text);
process.stdout.write(`${text.length} bytes\n`);
