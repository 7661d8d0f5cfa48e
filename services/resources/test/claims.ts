/** A SHALL in the text of a guide that this server does not meet. */
interface Unmet {
  readonly shall: string;
  /** Where the guide says so. */
  readonly where: string;
  /** Whether docs/regulation.md has the reason. Otherwise the guide is not claimed. */
  readonly explained: boolean;
}
/** A guide, and the statement of its server. The CapabilityStatement claims both, or neither. */
interface Claim {
  readonly name: string;
  /** Canonical of the guide, with the version that is tested. */
  readonly guide: string;
  /** Canonical of the CapabilityStatement that the guide has for servers. */
  readonly statement?: string;
  /**
   * What the statement asks for with SHALL and this server does not have, for a served type also profiles. The guide is
   * claimed if nothing is left.
   */
  readonly lacks: readonly string[];
  /** A statement lists interactions and parameters only. The text asks for more. */
  readonly unmet: readonly Unmet[];
}

/**
 * The guides by which the platform is built (docs/regulation.md#capabilitystatement). The spec of the
 * CapabilityStatement compares `lacks` with the statements of the packages, and `unmet` with docs/regulation.md. The
 * statement must claim exactly the guides of which nothing is left (ADR 0060).
 */
export const CLAIMS: readonly Claim[] = [
  {
    name: 'PDex 2.1.0',
    guide: 'http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-pdex/CapabilityStatement/pdex-provider-access-server',
    lacks: [],
    unmet: [{ shall: 'A Consent with `permit` ends an opt-out', where: 'Consent profile', explained: true }],
  },
  {
    name: 'ATR 2.1.0',
    guide: 'http://hl7.org/fhir/us/davinci-atr/ImplementationGuide/hl7.fhir.us.davinci-atr|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-atr/CapabilityStatement/atr-producer',
    lacks: [],
    unmet: [
      { shall: 'A member who leaves is `inactive` and `dropped` first', where: 'spec, §344 of PDex', explained: true },
    ],
  },
  {
    name: 'Bulk Data 3.0.0',
    guide: 'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|3.0.0',
    statement: 'http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data',
    lacks: [],
    unmet: [
      {
        shall: 'The `url` of an attachment is absolute, and the token of the export opens it',
        where: 'Attachments',
        explained: true,
      },
    ],
  },
  {
    name: 'SMART App Launch 2.2.0',
    guide: 'http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch|2.2.0',
    lacks: [],
    unmet: [],
  },
  {
    name: 'US Core 6.1.0',
    guide: 'http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core|6.1.0',
    statement: 'http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server',
    lacks: ['DiagnosticReport create', 'DocumentReference create', 'Questionnaire sdc-questionnaire'],
    unmet: [],
  },
  {
    name: 'CARIN BB 2.1.0',
    guide: 'http://hl7.org/fhir/us/carin-bb/ImplementationGuide/hl7.fhir.us.carin-bb|2.1.0',
    statement: 'http://hl7.org/fhir/us/carin-bb/CapabilityStatement/c4bb',
    lacks: ['the financial profiles of ExplanationOfBenefit, which 42 CFR 422.121(a)(2) excludes'],
    unmet: [],
  },
];

export const isClaimed = ({ lacks, unmet }: Claim): boolean =>
  lacks.length === 0 && unmet.every(({ explained }) => explained);
