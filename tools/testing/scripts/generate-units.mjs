/**
 * Writes src/redaction/units.json: the units that R4 lists as the common ones of UCUM, from HL7's package
 * hl7.fhir.r4.core 4.0.1 (CC0). The result is committed, so that no test needs the package.
 *
 * node scripts/generate-units.mjs FOLDER     FOLDER is the folder `package` of the unpacked package
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder `package` of the unpacked package hl7.fhir.r4.core');
const read = (file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const { name, version } = read('package.json');
const { concept } = read('ValueSet-ucum-common.json').compose.include.find(
  ({ system }) => system === 'http://unitsofmeasure.org',
);

const rows = concept.map(({ code, display }) => `    ${JSON.stringify([code, display])}`).join(',\n');
const text =
  `{\n  "source": ${JSON.stringify(`${name} ${version} (CC0), ValueSet-ucum-common`)},\n  "units": [\n${rows}\n  ` +
  ']\n}\n';
writeFileSync(join(import.meta.dirname, '../src/redaction/units.json'), text);
console.log(`${concept.length} units`);
