/** `npm run fhir-packages`: fetches HL7's packages into the cache and says where each one is. */
import { fetchPackage } from './fetch.ts';
import { titleOf } from './find.ts';
import { HL7_PACKAGES } from './packages.ts';

for (const wanted of Object.values(HL7_PACKAGES))
  try {
    console.log(`${titleOf(wanted)}: ${await fetchPackage(wanted)}`);
  } catch (error) {
    process.exitCode = 1;
    console.error(error instanceof Error ? error.message : error);
  }
