import { isSharedType, SEARCH_PARAMETERS, searchOf, SERVED_TYPES } from '@provider-access/kernel/fhir';
import { ATR_PROFILES, CARIN_PROFILES, PDEX_PROFILES, US_CORE_PROFILES } from '@provider-access/domain/pdex';

const VERSION = '0.1.0';
/** Date of the last change of this statement. A constant, so that every instance has the same date. */
const DATE = '2026-11-24';
const us = US_CORE_PROFILES;

/** Profiles that resources may claim in meta.profile, by type (docs/regulation.md#profiles). */
const PROFILES: Readonly<Record<string, readonly string[]>> = {
  AllergyIntolerance: [us.allergyIntolerance],
  CarePlan: [us.carePlan],
  CareTeam: [us.careTeam],
  Condition: [us.conditionEncounterDiagnosis, us.conditionProblem],
  Coverage: [us.coverage, CARIN_PROFILES.coverage, PDEX_PROFILES.hrexCoverage],
  Device: [us.device, PDEX_PROFILES.device],
  DiagnosticReport: [us.diagnosticReportLab, us.diagnosticReportNote],
  DocumentReference: [us.documentReference],
  Encounter: [us.encounter],
  ExplanationOfBenefit: [
    CARIN_PROFILES.inpatientBasis,
    CARIN_PROFILES.outpatientBasis,
    CARIN_PROFILES.professionalBasis,
    CARIN_PROFILES.oralBasis,
    CARIN_PROFILES.pharmacyBasis,
    PDEX_PROFILES.priorAuthorization,
  ],
  Goal: [us.goal],
  Immunization: [us.immunization],
  Location: [us.location],
  Medication: [us.medication],
  MedicationDispense: [us.medicationDispense, PDEX_PROFILES.medicationDispense],
  MedicationRequest: [us.medicationRequest],
  Observation: [
    us.observationLab,
    us.observationVitalSigns,
    us.bloodPressure,
    us.bodyHeight,
    us.bodyWeight,
    us.bmi,
    us.heartRate,
    us.smokingStatus,
  ],
  Organization: [us.organization, CARIN_PROFILES.organization],
  Patient: [us.patient, CARIN_PROFILES.patient, ATR_PROFILES.patient],
  Practitioner: [us.practitioner, CARIN_PROFILES.practitioner],
  PractitionerRole: [us.practitionerRole],
  Procedure: [us.procedure],
  Provenance: [us.provenance, PDEX_PROFILES.provenance],
  QuestionnaireResponse: [us.questionnaireResponse],
  RelatedPerson: [us.relatedPerson, CARIN_PROFILES.relatedPerson],
  ServiceRequest: [us.serviceRequest],
  Specimen: [us.specimen],
};

const searchParam = (type: string): unknown[] =>
  (SEARCH_PARAMETERS[type] ?? [])
    .filter((p) => p.role === 'filter')
    .map((p) => ({ name: p.name, type: p.fhirType, documentation: p.documentation }));

const EXPECTATION = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation';
const COMBINATION = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination';
const expected = (level: string): object => ({ url: EXPECTATION, valueCode: level });

function resource(type: string): unknown {
  const { parameters, combinations, includes, revincludes } = searchOf(type)!;
  const alone = parameters.filter((p) => p.alone === true).map(({ name }) => name);
  return {
    ...(combinations.length > 0 && {
      extension: combinations.map(({ names, level }) => ({
        url: COMBINATION,
        extension: [expected(level), ...names.map((name) => ({ url: 'required', valueString: name }))],
      })),
    }),
    type,
    ...(PROFILES[type] !== undefined && { supportedProfile: PROFILES[type] }),
    ...(!isSharedType(type) && {
      documentation: `Members attributed to the caller only. A search needs one of ${alone.join(', ')}.`,
    }),
    interaction: [{ code: 'read' }, { code: 'search-type' }],
    versioning: 'no-version',
    readHistory: false,
    ...(includes.length > 0 && { searchInclude: includes.map(({ parameter }) => `${type}:${parameter}`) }),
    ...(revincludes.length > 0 && { searchRevInclude: revincludes }),
    searchParam: parameters.map(({ name, kind, documentation, level }) => ({
      extension: [expected(level)],
      name,
      type: kind,
      documentation,
    })),
  };
}

const group = {
  type: 'Group',
  supportedProfile: [ATR_PROFILES.group, PDEX_PROFILES.providerGroup],
  interaction: [{ code: 'read' }, { code: 'search-type' }],
  versioning: 'no-version',
  readHistory: false,
  searchParam: searchParam('Group'),
  operation: [
    {
      name: 'export',
      definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export',
      documentation:
        'FHIR NDJSON of the members of the Group; _type, _since, _outputFormat. Practitioner, Organization, ' +
        'PractitionerRole and Location that a released resource refers to come along. A member who became visible ' +
        'after _since comes whole.',
    },
    {
      name: 'davinci-data-export',
      definition: 'http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export',
    },
  ],
};

/**
 * GET [base]/metadata (docs/regulation.md#capabilitystatement), generated from the tables that the handlers use.
 * https://hl7.org/fhir/R4/capabilitystatement.html
 */
export function capabilityStatement(publicUrl: string, sandbox = false): string {
  const base = `${publicUrl}/fhir`;
  return JSON.stringify({
    resourceType: 'CapabilityStatement',
    id: 'provider-access',
    url: `${base}/metadata`,
    version: VERSION,
    name: 'ProviderAccess',
    title: 'Provider Access API',
    status: 'active',
    date: DATE,
    publisher: 'The payer that runs this server',
    description:
      'Provider Access API of CMS-0057-F: data of attributed members for in-network providers, without remittances ' +
      'and cost sharing.',
    kind: 'instance',
    instantiates: [
      'http://hl7.org/fhir/us/davinci-pdex/CapabilityStatement/pdex-provider-access-server',
      'http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data',
    ],
    software: { name: 'provider-access', version: VERSION },
    implementation: {
      description: `Provider Access API${sandbox ? ' - a sandbox: all data is synthetic' : ''}`,
      url: base,
    },
    fhirVersion: '4.0.1',
    format: ['json', 'application/fhir+json'],
    implementationGuide: [
      'http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.1.0',
      'http://hl7.org/fhir/us/davinci-atr/ImplementationGuide/hl7.fhir.us.davinci-atr|2.1.0',
      'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|2.0.0',
      'http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch|2.2.0',
      'http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core|6.1.0',
      'http://hl7.org/fhir/us/carin-bb/ImplementationGuide/hl7.fhir.us.carin-bb|2.1.0',
    ],
    rest: [
      {
        mode: 'server',
        security: {
          cors: false,
          service: [
            {
              coding: [
                { system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' },
              ],
              text: 'SMART Backend Services',
            },
          ],
          description:
            'SMART Backend Services (private_key_jwt, system scopes); ' + `see ${base}/.well-known/smart-configuration`,
        },
        resource: [...SERVED_TYPES.map(resource), group].toSorted((a, b) =>
          (a as { type: string }).type < (b as { type: string }).type ? -1 : 1,
        ),
      },
    ],
  });
}
