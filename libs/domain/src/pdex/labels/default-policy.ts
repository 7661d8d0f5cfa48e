import { LABEL_CODE_SETS } from '@provider-access/fhir';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const V2_CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v2-0177';

/**
 * Codes with their source. All are in the code systems of R4 core 4.0.1 (v3-ActCode, v3-Confidentiality and v2-0177).
 */
const WITHHELD: readonly (readonly [system: string, codes: readonly string[]])[] = [
  // v3-Confidentiality: restricted, very restricted, and the codes that HL7 has deprecated for ActCode.
  [CONFIDENTIALITY, ['R', 'V', 'ETH', 'HIV', 'PSY', 'SDV', 'S']],
  // v3-ActCode, ActUSPrivacyLaw: 42 CFR Part 2, 38 USC 7332, and psychotherapy notes (45 CFR 164.508(a)(2)).
  [ACT_CODE, ['42CFRPart2', 'Title38Section7332', 'HIPAAPsyNotes']],
  // v3-ActCode, ActInformationSensitivityPolicy: every code but TBOO, which is about what a patient is told.
  [
    ACT_CODE,
    ['ETH', 'GDIS', 'HIV', 'MST', 'SCA', 'SDV', 'SEX', 'SPI', 'BH', 'COGN', 'DVD', 'EMOTDIS', 'MH', 'PSY', 'PSYTHPN'],
  ],
  [ACT_CODE, ['SUD', 'ETHUD', 'OPIOIDUD', 'STD', 'VIO', 'SICKLE']],
  // v3-ActCode, other codes of InformationSensitivityPolicy: adolescents, and what the patient, the enterprise or a
  // provider marked as sensitive. Codes about VIPs and employees (CEL, EMP) are about the payer's own staff.
  [ACT_CODE, ['ADOL', 'DIA', 'DRGIS', 'PDS', 'PHY', 'PRS']],
  // v3-ActCode, EntityInformationSensitivityPolicy and RoleInformationSensitivityPolicy: sexual orientation, where a
  // person may be found, and providers whose name alone reveals a condition.
  [ACT_CODE, ['GENDER', 'LOCIS', 'SSP']],
  // v2-0177, the confidentiality code of HL7 version 2, without VIPs, employees and the usual control.
  [V2_CONFIDENTIALITY, ['R', 'V', 'AID', 'HIV', 'PSY', 'ETH', 'UWM']],
];

/**
 * Value sets of HL7 whose other codes withhold nothing: they tell where data come from, or for what they may be used. A
 * rule makes them known, so that no report names them.
 */
const RELEASED = [
  'v3-ConfidentialityClassification',
  'v3-InformationSensitivityPolicy',
  'v2-0177',
  'v3-SecurityIntegrityObservationValue',
  'v3-PurposeOfUse',
];
const released = RELEASED.flatMap((set) => {
  const { system, codes } = LABEL_CODE_SETS[set]!;
  return codes.split(';').map((each) => `${system}|${each.split('=', 1)[0]!}`);
});

/** What a deployment without a policy file withholds (docs/security-labels.md). */
export const DEFAULT_LABELS: Readonly<Record<string, 'withhold' | 'release'>> = {
  ...Object.fromEntries(released.map((label) => [label, 'release' as const])),
  ...Object.fromEntries(
    WITHHELD.flatMap(([system, codes]) => codes.map((code) => [`${system}|${code}`, 'withhold' as const])),
  ),
};
