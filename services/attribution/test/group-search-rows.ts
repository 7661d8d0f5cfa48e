import { NPI, OTHER_NPI } from './harness.ts';

export const TIN = '123456789';
export const NPI_SYSTEM = 'http://hl7.org/fhir/sid/us-npi';
export const TIN_SYSTEM = 'urn:oid:2.16.840.1.113883.4.4';
const CODES = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMemberAttributionCS';
const PROFILE = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provider-group';

/** Groups of the NPI, of the TIN, and of the NPI with a contract. */
type Name = 'npi' | 'tin' | 'contract';
const all: readonly Name[] = ['npi', 'tin', 'contract'];

/** Each row: a search, and the Groups that it means. */
export const ROWS: readonly (readonly [query: string, found: readonly Name[]])[] = [
  ['', all],
  ['_lastUpdated=ge2026-06-01', all],
  ['_lastUpdated=lt2026-06-01', []],
  [`_profile=${PROFILE}`, all],
  ['_profile=http://example.org/other', []],
  [`identifier=${NPI}`, ['npi', 'contract']],
  [`identifier=${NPI_SYSTEM}|${NPI}`, ['npi', 'contract']],
  [`identifier=${NPI_SYSTEM}|`, ['npi', 'contract']],
  [`identifier=|${NPI}`, []],
  ['identifier=|K-1', []],
  ['identifier=https://pa.example/contracts|K-1', ['contract']],
  [`identifier=${TIN}`, ['tin']],
  ['identifier=12-3456789', ['tin']],
  [`identifier=${TIN_SYSTEM}|12-3456789`, ['tin']],
  [`identifier=${TIN},K-1`, ['tin', 'contract']],
  [`identifier=${NPI}&identifier=K-1`, ['contract']],
  [`identifier=${OTHER_NPI}`, []],
  ['identifier:missing=false', all],
  [`identifier:not=${NPI}`, ['tin']],
  ['code=pdexprovidergroup', all],
  [`code=${CODES}|pdexprovidergroup`, all],
  [`code=${CODES}|pdex-member,${CODES}|pdexprovidergroup`, all],
  [`code=pdex-member&code=pdexprovidergroup`, []],
  ['characteristic=pdexprovidergroup', all],
  ['characteristic=other', []],
  [`characteristic-value-reference:identifier=${NPI_SYSTEM}|${NPI}`, ['npi', 'contract']],
  [`characteristic-value-reference:identifier=${TIN}`, ['tin']],
  ['characteristic-value-reference=Organization/clinic', ['npi', 'contract']],
  ['characteristic-value-reference=https://pa.example/fhir/Organization/practice', ['tin']],
  ['characteristic-value-reference:Organization=clinic', ['npi', 'contract']],
  ['characteristic-value-reference=clinic,practice', all],
  ['characteristic-value-reference=Organization/elsewhere', []],
  ['characteristic-value-reference=Organization/nobody', []],
  ['characteristic-value-reference=https://other.example/fhir/Organization/clinic', []],
  // U10: a Group is named after its provider in the directory. Without an entry it is named by the NPI or TIN.
  ['name=CLINIC', ['npi', 'contract']],
  ['name=lini', []],
  ['name:contains=lini', ['npi', 'contract']],
  ['name:exact=clinic', ['npi']],
  ['name:exact=clinic (contract K-1)', ['contract']],
  ['name=practice', ['tin']],
  ['name=elsewhere', []],
  ['name:missing=true', []],
  // A18
  [`characteristic-value=pdexprovidergroup$${NPI_SYSTEM}|${NPI}`, ['npi', 'contract']],
  [`characteristic-value=${CODES}|pdexprovidergroup$${NPI}`, ['npi', 'contract']],
  [`characteristic-value=http://none|pdexprovidergroup$${NPI}`, []],
  [`characteristic-value=other$${NPI}`, []],
  ['characteristic-value=pdexprovidergroup$Organization/clinic', ['npi', 'contract']],
  ['characteristic-value=pdexprovidergroup$Organization/practice', ['tin']],
  ['characteristic-value=pdexprovidergroup$Organization/elsewhere', []],
  ['characteristic-value=pdexprovidergroup$Organization/nobody', []],
  [`characteristic-value=pdexprovidergroup$Organization/practice,pdexprovidergroup$${NPI}`, all],
  [`characteristic-value=other$${NPI},pdexprovidergroup$Organization/practice`, ['tin']],
  ['characteristic-value:missing=true', []],
  // A7
  ['period=2026', ['contract']],
  ['period=lt2026', []],
  ['period:missing=true', ['npi', 'tin']],
];
