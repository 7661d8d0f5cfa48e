/** Dev-time only: writes src/definitions/binding-table.ts. */
import { writeFileSync } from 'node:fs';
import { fetchPackage, HL7_PACKAGES } from '@provider-access/definitions';
import { bindingTable } from './binding-table.ts';

await fetchPackage(HL7_PACKAGES.R4);
const text = bindingTable();
writeFileSync(new URL('../src/definitions/binding-table.ts', import.meta.url), text);
process.stdout.write(`required bindings: ${text.length} bytes\n`);
