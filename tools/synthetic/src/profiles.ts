import { flat } from './flat.ts';
/** Canonicals that resources claim, unversioned (docs/regulation.md#profiles). */
const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
const C4BB = 'http://hl7.org/fhir/us/carin-bb/StructureDefinition/';
const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/';

/**
 * What `make` made of a name is kept and shared, because nobody changes a resource in place. For names of which there
 * are few: codes of the catalogue, profiles, people and places of a roster.
 */
export function kept<T>(make: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = make(name)));
    return value;
  };
}

export const usCore = kept((id) => flat(US_CORE, id));
export const c4bb = kept((id) => flat(C4BB, id));
export const pdex = kept((id) => flat(PDEX, id));
export const basis = kept((kind) => flat(C4BB, 'C4BB-ExplanationOfBenefit-', kind, '-Basis'));

export const LOINC = 'http://loinc.org';
export const SNOMED = 'http://snomed.info/sct';
export const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
export const NDC = 'http://hl7.org/fhir/sid/ndc';
export const CVX = 'http://hl7.org/fhir/sid/cvx';
export const CPT = 'http://www.ama-assn.org/go/cpt';
export const CDT = 'http://www.ada.org/cdt';
export const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
const UCUM = 'http://unitsofmeasure.org';
export const THO = 'http://terminology.hl7.org/CodeSystem/';
export const C4BB_CODES = 'http://hl7.org/fhir/us/carin-bb/CodeSystem/';
export const PDEX_CODES = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/';
export const PLACE_OF_SERVICE = 'https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set';
export const NUBC = 'https://www.nubc.org/CodeSystem/';
export const PAYER = 'https://payer.example';

/** A resource in the payer's form. */
export type Resource = { resourceType: string; id: string; [element: string]: unknown };
export type Json = Record<string, unknown>;

export const coded = (system: string, code: string, display?: string, text?: string): Json => ({
  coding: [display === undefined ? { system, code } : { system, code, display }],
  ...(text !== undefined && { text }),
});
export const reference = (type: string, id: string): Json => ({ reference: flat(type, '/', id) });
export const quantity = (value: number, unit: string, code = unit): Json => ({ value, unit, system: UCUM, code });
/** Cents to Money. */
export const usd = (cents: number): Json => ({ value: cents / 100, currency: 'USD' });
export const organization = kept((id) => reference('Organization', id));
export const practitioner = kept((id) => reference('Practitioner', id));
