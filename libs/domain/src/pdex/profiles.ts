import { ATR, CARIN_BB, HREX, PDEX, US_CORE } from './codes.ts';

/** US Core 6.1.0 profiles (docs/regulation.md#profiles). meta.profile has the URL without version. */
export const US_CORE_PROFILES = {
  allergyIntolerance: `${US_CORE}us-core-allergyintolerance`,
  carePlan: `${US_CORE}us-core-careplan`,
  careTeam: `${US_CORE}us-core-careteam`,
  conditionEncounterDiagnosis: `${US_CORE}us-core-condition-encounter-diagnosis`,
  conditionProblem: `${US_CORE}us-core-condition-problems-health-concerns`,
  coverage: `${US_CORE}us-core-coverage`,
  device: `${US_CORE}us-core-implantable-device`,
  diagnosticReportLab: `${US_CORE}us-core-diagnosticreport-lab`,
  diagnosticReportNote: `${US_CORE}us-core-diagnosticreport-note`,
  documentReference: `${US_CORE}us-core-documentreference`,
  encounter: `${US_CORE}us-core-encounter`,
  goal: `${US_CORE}us-core-goal`,
  immunization: `${US_CORE}us-core-immunization`,
  location: `${US_CORE}us-core-location`,
  medication: `${US_CORE}us-core-medication`,
  medicationDispense: `${US_CORE}us-core-medicationdispense`,
  medicationRequest: `${US_CORE}us-core-medicationrequest`,
  observationLab: `${US_CORE}us-core-observation-lab`,
  observationVitalSigns: `${US_CORE}us-core-vital-signs`,
  bloodPressure: `${US_CORE}us-core-blood-pressure`,
  bodyHeight: `${US_CORE}us-core-body-height`,
  bodyWeight: `${US_CORE}us-core-body-weight`,
  bmi: `${US_CORE}us-core-bmi`,
  heartRate: `${US_CORE}us-core-heart-rate`,
  smokingStatus: `${US_CORE}us-core-smokingstatus`,
  organization: `${US_CORE}us-core-organization`,
  patient: `${US_CORE}us-core-patient`,
  practitioner: `${US_CORE}us-core-practitioner`,
  practitionerRole: `${US_CORE}us-core-practitionerrole`,
  procedure: `${US_CORE}us-core-procedure`,
  provenance: `${US_CORE}us-core-provenance`,
  questionnaireResponse: `${US_CORE}us-core-questionnaireresponse`,
  relatedPerson: `${US_CORE}us-core-relatedperson`,
  serviceRequest: `${US_CORE}us-core-servicerequest`,
  specimen: `${US_CORE}us-core-specimen`,
} as const;

/** CARIN BB 2.1 and 2.2: claims without money (Basis), and their companions (docs/regulation.md#profiles). */
export const CARIN_PROFILES = {
  inpatientBasis: `${CARIN_BB}C4BB-ExplanationOfBenefit-Inpatient-Institutional-Basis`,
  outpatientBasis: `${CARIN_BB}C4BB-ExplanationOfBenefit-Outpatient-Institutional-Basis`,
  professionalBasis: `${CARIN_BB}C4BB-ExplanationOfBenefit-Professional-NonClinician-Basis`,
  oralBasis: `${CARIN_BB}C4BB-ExplanationOfBenefit-Oral-Basis`,
  pharmacyBasis: `${CARIN_BB}C4BB-ExplanationOfBenefit-Pharmacy-Basis`,
  patient: `${CARIN_BB}C4BB-Patient`,
  coverage: `${CARIN_BB}C4BB-Coverage`,
  organization: `${CARIN_BB}C4BB-Organization`,
  practitioner: `${CARIN_BB}C4BB-Practitioner`,
  relatedPerson: `${CARIN_BB}C4BB-RelatedPerson`,
} as const;

export const PDEX_PROFILES = {
  priorAuthorization: `${PDEX}pdex-priorauthorization`,
  medicationDispense: `${PDEX}pdex-medicationdispense`,
  device: `${PDEX}pdex-device`,
  provenance: `${PDEX}pdex-provenance`,
  providerGroup: `${PDEX}pdex-provider-group`,
  providerConsent: `${PDEX}pdex-provider-consent`,
  hrexCoverage: `${HREX}hrex-coverage`,
} as const;

export const ATR_PROFILES = {
  group: `${ATR}atr-group`,
  patientList: `${ATR}davinci-patient-list`,
  patient: `${ATR}atr-patient`,
  coverage: `${ATR}atr-coverage`,
} as const;
