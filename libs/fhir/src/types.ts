import { R4_RESOURCE_NAMES } from './definitions/r4-elements.ts';

export { isObject } from './primitives.ts';

/** A FHIR resource from JSON.parse. Only `resourceType` is checked. */
export interface FhirResource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [element: string]: unknown;
}

/**
 * Resource types that the platform serves to providers (docs/regulation.md#profiles), with the element that names the
 * patient: R4's patient compartment, reduced to the element that owns the resource. `shared`: the type belongs to no
 * patient and is stored under the key `shared`. `other`: the resource is the patient, has several owners, or may have
 * none. Intake counts other types as `not-served`.
 */
const SERVED = {
  AllergyIntolerance: 'patient',
  CarePlan: 'subject',
  CareTeam: 'subject',
  Condition: 'subject',
  Coverage: 'beneficiary',
  Device: 'patient',
  DiagnosticReport: 'subject',
  DocumentReference: 'subject',
  Encounter: 'subject',
  Endpoint: 'shared',
  ExplanationOfBenefit: 'patient',
  Goal: 'subject',
  HealthcareService: 'shared',
  Immunization: 'patient',
  Location: 'shared',
  Media: 'subject',
  Medication: 'other',
  MedicationDispense: 'subject',
  MedicationRequest: 'subject',
  Observation: 'subject',
  Organization: 'shared',
  Patient: 'other',
  Practitioner: 'shared',
  PractitionerRole: 'shared',
  Procedure: 'subject',
  Provenance: 'other',
  Questionnaire: 'shared',
  QuestionnaireResponse: 'subject',
  RelatedPerson: 'patient',
  ServiceRequest: 'subject',
  Specimen: 'subject',
} as const;
export type ServedType = keyof typeof SERVED;
type TypeOwnedBy<Owner> = { [T in ServedType]: (typeof SERVED)[T] extends Owner ? T : never }[ServedType];
export type SharedType = TypeOwnedBy<'shared'>;

export const SERVED_TYPES = Object.keys(SERVED) as readonly ServedType[];
/** Served types that belong to no patient. */
export const SHARED_TYPES = SERVED_TYPES.filter((type): type is SharedType => SERVED[type] === 'shared');
/** The element that names the patient, by type. */
export const PATIENT_ELEMENT: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(SERVED).filter(([, owner]) => owner !== 'shared' && owner !== 'other'),
);

/** All resource types of R4 (4.0.1). An unknown name is an error; a known type that is not served is only counted. */
export const KNOWN_R4_TYPES: ReadonlySet<string> = new Set(R4_RESOURCE_NAMES.split(' '));

const served: ReadonlySet<string> = new Set(SERVED_TYPES);
const shared: ReadonlySet<string> = new Set(SHARED_TYPES);

export const isServedType = (name: string): name is ServedType => served.has(name);
export const isSharedType = (name: string): name is SharedType => shared.has(name);
