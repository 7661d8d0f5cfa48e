/** Identifier systems, code systems, and URLs of extensions and profiles of the implementation guides. */

export const US_NPI = 'http://hl7.org/fhir/sid/us-npi';
/** Employer identification number, used as TIN. */
export const US_EIN = 'urn:oid:2.16.840.1.113883.4.4';
export const ISO_4217 = 'urn:iso:std:iso:4217';
export const DATA_ABSENT_REASON = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
/** Labels a part of a resource (HL7 Security Label DS4P). */
export const INLINE_LABEL = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
export const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
} as const;

export const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
export const CARIN_BB = 'http://hl7.org/fhir/us/carin-bb/StructureDefinition/';
export const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/';
export const PAS = 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/';
export const ATR = 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/';
export const HREX = 'http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/';

/** Values of Group.code and Group.characteristic.code. */
export const MEMBER_ATTRIBUTION = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMemberAttributionCS';
export const PROVIDER_GROUP_CODE = 'pdexprovidergroup';

/** Profiles of a Group (docs/regulation.md#profiles). meta.profile has the URL without a version. */
export const GROUP_PROFILES = { pdex: `${PDEX}pdex-provider-group`, atr: `${ATR}atr-group` } as const;
export const GROUP_EXTENSIONS = {
  listStatus: `${ATR}ext-attributionListStatus`,
  coverage: `${ATR}ext-coverageReference`,
  provider: `${ATR}ext-attributedProvider`,
  change: `${ATR}ext-changeType`,
  contractPeriod: `${ATR}ext-contractValidityPeriod`,
  recipient: `${ATR}atr-intended-recipient-identifier-extension`,
} as const;

export const REVIEW_ACTION = `${PDEX}extension-reviewAction`;
export const WHEN_ADJUDICATED = `${PDEX}base-ext-when-adjudicated`;
