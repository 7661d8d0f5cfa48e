export { type Definition } from './archive.ts';
export { fetchPackage } from './fetch.ts';
export { foreignLines, foreignSets } from './foreign.ts';
export { definitionsOf, sharedData, whyWithout } from './find.ts';
export { HL7_PACKAGES, type Hl7Package } from './packages.ts';
