/** A guide, and the statement of its server. The CapabilityStatement claims both, or neither. */
export interface Claim {
  /** Canonical of the guide, with the version that is tested. */
  readonly guide: string;
  /** Canonical of the CapabilityStatement that the guide has for servers. */
  readonly statement?: string;
  /**
   * What the statement asks for with SHALL and this server does not have, for a served type also profiles. The guide is
   * claimed if nothing is left.
   */
  readonly lacks: readonly string[];
}

/**
 * The guides by which the platform is built (docs/regulation.md#capabilitystatement). A test compares `lacks` with the
 * statements of the packages, so that a claim appears when its last part works and not before.
 */
export const CLAIMS: readonly Claim[] = [
  {
    guide: 'http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-pdex/CapabilityStatement/pdex-provider-access-server',
    lacks: [],
  },
  {
    guide: 'http://hl7.org/fhir/us/davinci-atr/ImplementationGuide/hl7.fhir.us.davinci-atr|2.1.0',
    statement: 'http://hl7.org/fhir/us/davinci-atr/CapabilityStatement/atr-producer',
    lacks: [],
  },
  {
    guide: 'http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata|2.0.0',
    statement: 'http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data',
    lacks: [],
  },
  {
    guide: 'http://hl7.org/fhir/smart-app-launch/ImplementationGuide/hl7.fhir.uv.smart-app-launch|2.2.0',
    lacks: [],
  },
  {
    guide: 'http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core|6.1.0',
    statement: 'http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server',
    lacks: ['DiagnosticReport create', 'DocumentReference create', 'Questionnaire sdc-questionnaire'],
  },
  {
    guide: 'http://hl7.org/fhir/us/carin-bb/ImplementationGuide/hl7.fhir.us.carin-bb|2.1.0',
    statement: 'http://hl7.org/fhir/us/carin-bb/CapabilityStatement/c4bb',
    lacks: ['the financial profiles of ExplanationOfBenefit, which 42 CFR 422.121(a)(2) excludes'],
  },
];

const claimed = CLAIMS.filter(({ lacks }) => lacks.length === 0);
export const IMPLEMENTATION_GUIDES: readonly string[] = claimed.map(({ guide }) => guide);
export const INSTANTIATES: readonly string[] = claimed.flatMap(({ statement }) => statement ?? []);
