import { R4_RESOURCE_NAMES } from './definitions/r4-elements.ts';

/** A FHIR resource from JSON.parse. Only `resourceType` is checked. */
export interface FhirResource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [element: string]: unknown;
}

/**
 * Resource types that the platform serves to providers (docs/regulation.md#profiles). Intake counts others as
 * `not-served`.
 */
export const SERVED_TYPES = [
  'AllergyIntolerance',
  'CarePlan',
  'CareTeam',
  'Condition',
  'Coverage',
  'Device',
  'DiagnosticReport',
  'DocumentReference',
  'Encounter',
  'Endpoint',
  'ExplanationOfBenefit',
  'Goal',
  'HealthcareService',
  'Immunization',
  'Location',
  'Media',
  'Medication',
  'MedicationDispense',
  'MedicationRequest',
  'Observation',
  'Organization',
  'Patient',
  'Practitioner',
  'PractitionerRole',
  'Procedure',
  'Provenance',
  'Questionnaire',
  'QuestionnaireResponse',
  'RelatedPerson',
  'ServiceRequest',
  'Specimen',
] as const;
export type ServedType = (typeof SERVED_TYPES)[number];

/** Served types that belong to no patient. They are stored under the key `shared`. */
export const SHARED_TYPES = [
  'Endpoint',
  'HealthcareService',
  'Location',
  'Organization',
  'Practitioner',
  'PractitionerRole',
  'Questionnaire',
] as const;
export type SharedType = (typeof SHARED_TYPES)[number];

/** All resource types of R4 (4.0.1). An unknown name is an error; a known type that is not served is only counted. */
export const KNOWN_R4_TYPES: ReadonlySet<string> = new Set(R4_RESOURCE_NAMES.split(' '));

const served: ReadonlySet<string> = new Set(SERVED_TYPES);
const shared: ReadonlySet<string> = new Set(SHARED_TYPES);

export const isServedType = (name: string): name is ServedType => served.has(name);
export const isSharedType = (name: string): name is SharedType => shared.has(name);

/** A JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
