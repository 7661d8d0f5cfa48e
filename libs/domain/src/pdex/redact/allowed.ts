import { ATR, DATA_ABSENT_REASON, PAS, PDEX, US_CORE } from '../codes.ts';

/**
 * The elements that a financial resource keeps, by structure (docs/regulation.md#redaction). `redact` drops all others,
 * so a new element of a payer's system must be added here before a provider can see it. Extensions stay if their URL is
 * listed below, and inline security labels, which a reader has to see.
 */
const LISTS: Readonly<Record<string, string>> = {
  ExplanationOfBenefit:
    'id meta implicitRules language contained extension modifierExtension identifier status type subType use ' +
    'patient billablePeriod created enterer insurer ' +
    'provider priority related prescription originalPrescription payee referral facility claim claimResponse ' +
    'outcome disposition preAuthRef ' +
    'preAuthRefPeriod careTeam supportingInfo diagnosis procedure precedence insurance accident item addItem ' +
    'adjudication payment formCode processNote benefitPeriod',
  'ExplanationOfBenefit.related': 'id extension modifierExtension claim relationship reference',
  'ExplanationOfBenefit.payee': 'id extension modifierExtension type party',
  'ExplanationOfBenefit.careTeam': 'id extension modifierExtension sequence provider responsible role qualification',
  'ExplanationOfBenefit.supportingInfo':
    'id extension modifierExtension sequence category code timing[x] value[x] reason',
  'ExplanationOfBenefit.diagnosis': 'id extension modifierExtension sequence diagnosis[x] type onAdmission packageCode',
  'ExplanationOfBenefit.procedure': 'id extension modifierExtension sequence type date procedure[x] udi',
  'ExplanationOfBenefit.insurance': 'id extension modifierExtension focal coverage preAuthRef',
  'ExplanationOfBenefit.accident': 'id extension modifierExtension date type location[x]',
  'ExplanationOfBenefit.item':
    'id extension modifierExtension sequence careTeamSequence diagnosisSequence procedureSequence ' +
    'informationSequence revenue category productOrService modifier ' +
    'programCode serviced[x] location[x] quantity udi bodySite subSite encounter noteNumber adjudication detail',
  'ExplanationOfBenefit.item.adjudication': 'id extension modifierExtension category reason value',
  'ExplanationOfBenefit.item.detail':
    'id extension modifierExtension sequence revenue category productOrService modifier programCode quantity udi ' +
    'noteNumber adjudication subDetail',
  'ExplanationOfBenefit.item.detail.subDetail':
    'id extension modifierExtension sequence revenue category productOrService modifier programCode quantity udi ' +
    'noteNumber adjudication',
  'ExplanationOfBenefit.addItem':
    'id extension modifierExtension itemSequence detailSequence subDetailSequence provider productOrService ' +
    'modifier programCode serviced[x] location[x] quantity ' +
    'bodySite subSite noteNumber adjudication detail',
  'ExplanationOfBenefit.addItem.detail':
    'id extension modifierExtension productOrService modifier quantity noteNumber adjudication subDetail',
  'ExplanationOfBenefit.addItem.detail.subDetail':
    'id extension modifierExtension productOrService modifier quantity noteNumber adjudication',
  'ExplanationOfBenefit.payment': 'id type',
  'ExplanationOfBenefit.processNote': 'id extension modifierExtension number type text language',

  Coverage:
    'id meta implicitRules language contained extension modifierExtension identifier status type policyHolder ' +
    'subscriber subscriberId beneficiary dependent ' +
    'relationship period payor class order network subrogation contract',
  'Coverage.class': 'id extension modifierExtension type value name',

  Claim:
    'id meta implicitRules language contained extension modifierExtension identifier status type subType use ' +
    'patient billablePeriod created enterer insurer ' +
    'provider priority related prescription originalPrescription payee referral facility careTeam supportingInfo ' +
    'diagnosis procedure insurance accident item',
  'Claim.related': 'id extension modifierExtension claim relationship reference',
  'Claim.payee': 'id extension modifierExtension type party',
  'Claim.careTeam': 'id extension modifierExtension sequence provider responsible role qualification',
  'Claim.supportingInfo': 'id extension modifierExtension sequence category code timing[x] value[x] reason',
  'Claim.diagnosis': 'id extension modifierExtension sequence diagnosis[x] type onAdmission packageCode',
  'Claim.procedure': 'id extension modifierExtension sequence type date procedure[x] udi',
  'Claim.insurance':
    'id extension modifierExtension sequence focal identifier coverage businessArrangement preAuthRef claimResponse',
  'Claim.accident': 'id extension modifierExtension date type location[x]',
  'Claim.item':
    'id extension modifierExtension sequence careTeamSequence diagnosisSequence procedureSequence ' +
    'informationSequence revenue category productOrService modifier ' +
    'programCode serviced[x] location[x] quantity udi bodySite subSite encounter detail',
  'Claim.item.detail':
    'id extension modifierExtension sequence revenue category productOrService modifier programCode quantity udi ' +
    'subDetail',
  'Claim.item.detail.subDetail':
    'id extension modifierExtension sequence revenue category productOrService modifier programCode quantity udi',
};

/**
 * Financial types that are never served. `redact` drops them, with the references to them, where another resource
 * contains them.
 */
export const WITHHELD_TYPES: ReadonlySet<string> = new Set([
  'Account',
  'ChargeItem',
  'ChargeItemDefinition',
  'ClaimResponse',
  'Contract',
  'CoverageEligibilityRequest',
  'CoverageEligibilityResponse',
  'EnrollmentRequest',
  'EnrollmentResponse',
  'InsurancePlan',
  'Invoice',
  'PaymentNotice',
  'PaymentReconciliation',
]);

/**
 * Elements of other types that go. The headers of an endpoint are sent with each request to it, so they may hold
 * credentials, and its narrative may repeat them.
 */
export const WITHHELD_ELEMENTS: ReadonlySet<string> = new Set(['Endpoint.header', 'Endpoint.text']);

/** Resource types under the allow-list above. All others keep their R4 elements without money. */
export const FINANCIAL_TYPES: ReadonlySet<string> = new Set(['ExplanationOfBenefit', 'Coverage', 'Claim']);

/** Element names (`value[x]`) by path. A path of a financial type that is missing here keeps nothing. */
export const ALLOWED: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(LISTS).map(([path, list]) => [path, new Set(list.split(' '))]),
);

/**
 * Extensions that a financial resource keeps, from US Core, CARIN BB, PDex, PAS, ATR and R4. None of them is an amount.
 */
export const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  DATA_ABSENT_REASON,
  'http://hl7.org/fhir/StructureDefinition/translation',
  // Required by C4BB-Coverage 2.1.0.
  'http://hl7.org/fhir/5.0/StructureDefinition/extension-Coverage.kind',
  `${ATR}ext-insuranceProductType`,
  ...[
    'us-core-race',
    'us-core-ethnicity',
    'us-core-birthsex',
    'us-core-sex',
    'us-core-genderIdentity',
    'us-core-tribal-affiliation',
    'us-core-jurisdiction',
    'us-core-direct',
  ].map((id) => US_CORE + id),
  ...[
    'extension-levelOfServiceCode',
    'extension-reviewAction',
    'extension-reviewActionCode',
    'base-ext-when-adjudicated',
    'base-ext-identifier-status',
    'PriorAuthorizationUtilization',
    'ProvenanceSourceFrom',
    'DispenseRefill',
  ].map((id) => PDEX + id),
  ...[
    'extension-levelOfServiceCode',
    'extension-claimResponseReviewer',
    'extension-reviewAction',
    'extension-reviewActionCode',
    'extension-itemTraceNumber',
    'extension-itemPreAuthIssueDate',
    'extension-itemPreAuthPeriod',
    'extension-itemAuthorizedDate',
    'extension-authorizationNumber',
    'extension-administrationReferenceNumber',
    'extension-itemAuthorizedDetail',
    'extension-itemAuthorizedProvider',
    'extension-itemRequestedServiceDate',
    'extension-admissionDates',
    'extension-dischargeDate',
    'extension-certificationType',
    'extension-careTeamClaimScope',
    'extension-diagnosisRecordedDate',
    'extension-productOrServiceCodeEnd',
    'extension-requestedService',
    'extension-serviceItemRequestType',
    'extension-conditionCode',
    'extension-homeHealthCareInformation',
    'extension-nursingHomeLevelOfCare',
    'extension-nursingHomeResidentialStatus',
    'extension-patientStatus',
    'extension-infoChanged',
    'extension-infoCancelled',
    'extension-epsdtIndicator',
  ].map((id) => PAS + id),
]);

/** Codes of adjudication categories that are not amounts. Their system must be ADJUDICATION_SYSTEMS or absent. */
export const KEPT_ADJUDICATIONS: ReadonlySet<string> = new Set([
  'adjustmentreason',
  'denialreason',
  'rejectreason',
  'benefitpaymentstatus',
  'networkstatus',
  'inoutnetwork',
  'billingnetworkstatus',
  'renderingnetworkstatus',
  'allowedunits',
  'consumedunits',
]);
/** Kept adjudications whose `value` counts units. */
export const UNIT_ADJUDICATIONS: ReadonlySet<string> = new Set(['allowedunits', 'consumedunits']);
export const ADJUDICATION_SYSTEMS = /^http:\/\/hl7\.org\/fhir\/us\/(carin-bb|davinci-pdex|davinci-pas)\//;
