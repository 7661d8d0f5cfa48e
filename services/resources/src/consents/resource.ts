import { isPurposeOfUse } from '@provider-access/domain/access';
import {
  API_PURPOSE,
  CODES,
  confirmationNumber,
  CONSENT_SCOPE,
  DISCLOSE,
  PDEX,
  PERFORMER,
  RECIPIENT,
  US_EIN,
  US_NPI,
  USE_CASE,
  V3_ACT,
} from '@provider-access/domain/pdex';
import type { ProviderKey } from '@provider-access/events';
import { parseReference } from '@provider-access/fhir';
import { isOptOut } from '@provider-access/facts';
import type { ConsentVersion, StatedConsent } from './statements.ts';

export const CONSENT_PROFILE = `${PDEX}pdex-provider-consent`;
const PDEX_CODES = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/';
export const OPT_OUT_REASON = `${PDEX_CODES}opt-out-reason`;
const OPT_OUT_SCOPE = `${PDEX_CODES}opt-out-scope`;
const NUCC = 'http://nucc.org/provider-taxonomy';
const CONFIRMATION = 'urn:provider-access:confirmation-number';

type Json = Readonly<Record<string, unknown>>;
const concept = (system: string, code: string, more: Json = {}): Json => ({ coding: [{ system, code }], ...more });
const THIS_API = { url: USE_CASE, valueBoolean: true };

/** What a Consent says of whom it belongs to. */
export interface AboutConsent {
  readonly member: string;
  /** `Organization/<id>` of the payer. */
  readonly payer: string;
}

/**
 * One version of a member's decision as PDex 2.2.0 has it (pdex-provider-consent). The scope of an opt-out and its
 * reason are categories, because the profile has no element for them.
 */
export function consentResource(stated: StatedConsent, { n, at, to }: ConsentVersion, about: AboutConsent): Json {
  const { member, payer } = about;
  const { details } = stated;
  const out = isOptOut(stated) ? stated : undefined;
  const purposes = details.purposes ?? [];
  return {
    resourceType: 'Consent',
    id: stated.id,
    meta: { versionId: String(n), lastUpdated: at, profile: [CONSENT_PROFILE] },
    identifier: [{ system: CONFIRMATION, value: confirmationNumber(stated.id) }],
    status: 'active',
    scope: concept(CONSENT_SCOPE, 'patient-privacy'),
    category: [
      concept(V3_ACT, 'IDSCL'),
      concept(API_PURPOSE, 'provider-access'),
      ...(out === undefined ? [] : [concept(OPT_OUT_SCOPE, out.scope)]),
      ...(details.reason === undefined
        ? []
        : [
            concept(
              OPT_OUT_REASON,
              details.reason,
              details.reasonText === undefined ? {} : { text: details.reasonText },
            ),
          ]),
    ],
    patient: { reference: `Patient/${member}` },
    dateTime: stated.businessTime,
    performer: [performerOf(stated, member)],
    organization: [{ reference: payer }],
    policyRule: {
      coding: [{ system: `${CODES}consentpolicycodes`, code: 'cric', display: 'Common Rule Informed Consent' }],
    },
    ...(details.script !== undefined && { sourceAttachment: { title: details.script } }),
    ...(details.proof !== undefined && {
      verification: [{ verified: true, verifiedWith: { display: details.proof.verifiedBy } }],
    }),
    provision: {
      type: out === undefined ? 'permit' : 'deny',
      period: { start: stated.from, ...(to !== undefined && { end: to }) },
      actor: [
        ...disclosersOf(details.payers, payer).map((reference) => ({ role: { coding: [PERFORMER] }, reference })),
        ...recipientsIn(stated.targets, out?.categories).map((reference) => ({
          role: { coding: [RECIPIENT] },
          reference,
        })),
      ],
      action: [{ extension: [THIS_API], coding: [DISCLOSE] }],
      ...(purposes.length > 0 && { purpose: purposes.map(purposeOf) }),
    },
  };
}

/** The profile takes a Patient or a RelatedPerson. */
function performerOf({ details: { setBy, proof } }: StatedConsent, member: string): Json {
  if (setBy === 'member') return { reference: `Patient/${member}` };
  if (setBy === 'payer') return { display: 'the payer, as the member asked' };
  const reference = parseReference(proof?.reference ?? '');
  return reference.kind === 'literal' && reference.type === 'RelatedPerson'
    ? { reference: `RelatedPerson/${reference.id}` }
    : { type: 'RelatedPerson', display: "the member's personal representative" };
}

/** The payers whose data is concerned: those that the statement names, or this one. */
function disclosersOf(payers: readonly string[] = [], payer: string): readonly Json[] {
  if (payers.length === 0) return [{ reference: payer }];
  return payers.map((name) => {
    const reference = parseReference(name);
    if (reference.kind === 'literal' && reference.type === 'Organization') return { reference: name };
    const at = name.lastIndexOf('|');
    return at > 0 ? { identifier: { system: name.slice(0, at), value: name.slice(at + 1) } } : { display: name };
  });
}

const recipientsIn = (targets: readonly ProviderKey[] = [], categories: readonly string[] = []): readonly Json[] => [
  ...targets.map((key) => {
    const [kind, value] = key.split('|');
    return { identifier: { system: kind === 'npi' ? US_NPI : US_EIN, value } };
  }),
  ...categories.map((value) => ({
    type: 'PractitionerRole',
    identifier: { system: NUCC, value },
    display: 'every provider of this specialty, or of unknown specialty',
  })),
];

const purposeOf = (purpose: string): Json =>
  isPurposeOfUse(purpose) ? { system: `${CODES}v3-ActReason`, code: purpose } : { display: purpose };
