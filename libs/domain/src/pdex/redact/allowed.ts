import { ATR, DATA_ABSENT_REASON, PAS, PDEX, US_CORE } from '../codes.ts';

/** In every resource, and in every part of one. */
const IN_RESOURCES = 'id meta implicitRules language contained extension modifierExtension';
const IN_PARTS = 'id extension modifierExtension';

/** A claim of a payer (ExplanationOfBenefit) and of a provider have these alike. */
const CLAIM =
  'identifier status type subType use patient billablePeriod created enterer insurer provider priority related ' +
  'prescription originalPrescription payee referral facility careTeam supportingInfo diagnosis procedure insurance ' +
  'accident item';
const ITEM =
  'sequence careTeamSequence diagnosisSequence procedureSequence informationSequence revenue category ' +
  'productOrService modifier programCode serviced[x] location[x] quantity udi bodySite subSite encounter';
const DETAIL = 'sequence revenue category productOrService modifier programCode quantity udi';
const CLAIM_PARTS: Readonly<Record<string, string>> = {
  related: 'claim relationship reference',
  payee: 'type party',
  careTeam: 'sequence provider responsible role qualification',
  supportingInfo: 'sequence category code timing[x] value[x] reason',
  diagnosis: 'sequence diagnosis[x] type onAdmission packageCode',
  procedure: 'sequence type date procedure[x] udi',
  accident: 'date type location[x]',
};
/** What the payer added to an item or a part of one. */
const DECIDED = 'noteNumber adjudication';

/**
 * The elements that a financial resource keeps, by structure (docs/regulation.md#redaction), beside those of every
 * resource or part. `redact` drops all others, so a new element of a payer's system must be added here before a
 * provider can see it. Extensions stay if their URL is listed below, and inline security labels, which a reader has to
 * see.
 */
const LISTS: Readonly<Record<string, string>> = {
  ...partsOf('ExplanationOfBenefit', CLAIM_PARTS),
  ...partsOf('Claim', CLAIM_PARTS),

  ExplanationOfBenefit:
    `${CLAIM} claim claimResponse outcome disposition preAuthRef preAuthRefPeriod precedence addItem adjudication ` +
    'payment formCode processNote benefitPeriod',
  'ExplanationOfBenefit.insurance': 'focal coverage preAuthRef',
  'ExplanationOfBenefit.item': `${ITEM} ${DECIDED} detail`,
  'ExplanationOfBenefit.item.adjudication': 'category reason value',
  'ExplanationOfBenefit.item.detail': `${DETAIL} ${DECIDED} subDetail`,
  'ExplanationOfBenefit.item.detail.subDetail': `${DETAIL} ${DECIDED}`,
  'ExplanationOfBenefit.addItem':
    'itemSequence detailSequence subDetailSequence provider productOrService modifier programCode serviced[x] ' +
    `location[x] quantity bodySite subSite ${DECIDED} detail`,
  'ExplanationOfBenefit.addItem.detail': `productOrService modifier quantity ${DECIDED} subDetail`,
  'ExplanationOfBenefit.addItem.detail.subDetail': `productOrService modifier quantity ${DECIDED}`,
  'ExplanationOfBenefit.processNote': 'number type text language',

  Coverage:
    'identifier status type policyHolder subscriber subscriberId beneficiary dependent relationship period payor ' +
    'class order network subrogation contract',
  'Coverage.class': 'type value name',

  Claim: CLAIM,
  'Claim.insurance': 'sequence focal identifier coverage businessArrangement preAuthRef claimResponse',
  'Claim.item': `${ITEM} detail`,
  'Claim.item.detail': `${DETAIL} subDetail`,
  'Claim.item.detail.subDetail': DETAIL,
};

function partsOf(type: string, parts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parts).map(([name, list]) => [`${type}.${name}`, list]));
}

/**
 * Financial types that are never served. `redact` drops them, with the references to them, where another resource
 * contains them.
 */
export const WITHHELD_TYPES: ReadonlySet<string> = words(
  'Account ChargeItem ChargeItemDefinition ClaimResponse Contract CoverageEligibilityRequest ' +
    'CoverageEligibilityResponse EnrollmentRequest EnrollmentResponse InsurancePlan Invoice PaymentNotice ' +
    'PaymentReconciliation',
);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/**
 * Elements of other types that go. The headers of an endpoint are sent with each request to it, so they may hold
 * credentials, and its narrative may repeat them.
 */
export const WITHHELD_ELEMENTS: ReadonlySet<string> = new Set(['Endpoint.header', 'Endpoint.text']);

/** Resource types under the allow-list above. All others keep their R4 elements without money. */
export const FINANCIAL_TYPES: ReadonlySet<string> = new Set(['ExplanationOfBenefit', 'Coverage', 'Claim']);

/** Element names (`value[x]`) by path. A path of a financial type that is missing here keeps nothing. */
export const ALLOWED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ...Object.entries(LISTS).map(
    ([path, list]) => [path, words(`${path.includes('.') ? IN_PARTS : IN_RESOURCES} ${list}`)] as const,
  ),
  // An extension of a payment could be its amount.
  ['ExplanationOfBenefit.payment', words('id type')],
]);

/**
 * Extensions that a financial resource keeps, from US Core, CARIN BB, PDex, PAS, ATR and R4. None of them is an amount.
 */
export const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  DATA_ABSENT_REASON,
  'http://hl7.org/fhir/StructureDefinition/translation',
  // Required by C4BB-Coverage 2.1.0.
  'http://hl7.org/fhir/5.0/StructureDefinition/extension-Coverage.kind',
  `${ATR}ext-insuranceProductType`,
  ...urls(`${US_CORE}us-core-`, 'race ethnicity birthsex sex genderIdentity tribal-affiliation jurisdiction direct'),
  ...urls(
    PDEX,
    'extension-levelOfServiceCode extension-reviewAction extension-reviewActionCode base-ext-when-adjudicated ' +
      'base-ext-identifier-status PriorAuthorizationUtilization ProvenanceSourceFrom DispenseRefill',
  ),
  ...urls(
    `${PAS}extension-`,
    'levelOfServiceCode claimResponseReviewer reviewAction reviewActionCode itemTraceNumber itemPreAuthIssueDate ' +
      'itemPreAuthPeriod itemAuthorizedDate authorizationNumber administrationReferenceNumber itemAuthorizedDetail ' +
      'itemAuthorizedProvider itemRequestedServiceDate admissionDates dischargeDate certificationType ' +
      'careTeamClaimScope diagnosisRecordedDate productOrServiceCodeEnd requestedService serviceItemRequestType ' +
      'conditionCode homeHealthCareInformation nursingHomeLevelOfCare nursingHomeResidentialStatus patientStatus ' +
      'infoChanged infoCancelled epsdtIndicator',
  ),
]);

function urls(base: string, names: string): readonly string[] {
  return names.split(' ').map((name) => base + name);
}

/** Codes of adjudication categories that are not amounts. Their system must be ADJUDICATION_SYSTEMS or absent. */
export const KEPT_ADJUDICATIONS: ReadonlySet<string> = words(
  'adjustmentreason denialreason rejectreason benefitpaymentstatus networkstatus inoutnetwork billingnetworkstatus ' +
    'renderingnetworkstatus allowedunits consumedunits',
);
/** Kept adjudications whose `value` counts units. */
export const UNIT_ADJUDICATIONS: ReadonlySet<string> = words('allowedunits consumedunits');
export const ADJUDICATION_SYSTEMS = /^http:\/\/hl7\.org\/fhir\/us\/(carin-bb|davinci-pdex|davinci-pas)\//;
