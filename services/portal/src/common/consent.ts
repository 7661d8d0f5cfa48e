/** The parts of a FHIR Consent (PDex 2.2.0) that the pages write and read (docs/opt-outs.md). */

const TERMS = 'http://terminology.hl7.org/CodeSystem/';
const PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';
const SCOPE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/opt-out-scope';
const NPI = 'http://hl7.org/fhir/sid/us-npi';
const RECIPIENT = 'IRCP';

interface Concept {
  readonly coding?: readonly { readonly system?: string; readonly code?: string }[];
}
interface Consent {
  readonly category?: readonly Concept[];
  readonly provision?: {
    readonly type?: string;
    readonly period?: { readonly end?: string };
    readonly actor?: readonly {
      readonly role?: Concept;
      readonly reference?: { readonly identifier?: { readonly system?: string; readonly value?: string } };
    }[];
  };
}

/** What denies now. A scope that is neither all providers nor named ones is `other`. */
export interface Denials {
  readonly all: boolean;
  /** NPIs, or TINs with `TIN ` in front. */
  readonly named: readonly string[];
  readonly other: boolean;
}
const codeOf = (concept: Concept | undefined, system: string): string | undefined =>
  concept?.coding?.find((one) => one.system === system)?.code;

/** @param now ms since the epoch */
export function denialsOf(consents: readonly unknown[], now: number): Denials {
  const named = new Set<string>();
  let [all, other] = [false, false];
  for (const { category = [], provision } of consents as readonly Consent[]) {
    const { type, period, actor = [] } = provision ?? {};
    if (type !== 'deny' || (period?.end !== undefined && Date.parse(period.end) <= now)) continue;
    const scope = category.map((one) => codeOf(one, SCOPE)).find((code) => code !== undefined);
    if (scope === 'provider-specific')
      for (const { reference, role } of actor) {
        const { system, value } = reference?.identifier ?? {};
        const isRecipient = role?.coding?.some(({ code }) => code === RECIPIENT) === true;
        if (isRecipient && value !== undefined) named.add(system === NPI ? value : `TIN ${value}`);
      }
    else if (scope === undefined || scope === 'global') all = true;
    else other = true;
  }
  return { all, named: [...named], other };
}

const coded = (system: string, code: string): Concept => ({ coding: [{ system, code }] });

/** A personal representative: how the payer's files name this person, and who checked the authority. */
interface Representative {
  /** The id of a RelatedPerson. */
  readonly id: string;
  readonly checkedBy?: string;
}
/** A decision by telephone: the version of the script, and who called if it was not the member (ADR 0143). */
interface Call {
  readonly script: string;
  readonly representative?: Representative;
}

/** A decision of the member, for all providers or for the one with this NPI. */
export const decision = (member: string, type: 'deny' | 'permit', npi?: string, call?: Call): object => ({
  resourceType: 'Consent',
  status: 'active',
  scope: coded(`${TERMS}consentscope`, 'patient-privacy'),
  category: [coded(`${TERMS}v3-ActCode`, 'IDSCL'), coded(PURPOSE, 'provider-access')],
  patient: { reference: `Patient/${member}` },
  performer: [
    { reference: call?.representative === undefined ? `Patient/${member}` : `RelatedPerson/${call.representative.id}` },
  ],
  ...(call !== undefined && { sourceAttachment: { title: call.script } }),
  ...(call?.representative?.checkedBy !== undefined && {
    verification: [{ verified: true, verifiedWith: { display: call.representative.checkedBy } }],
  }),
  organization: [{ reference: 'Organization/payer' }],
  policyRule: coded(`${TERMS}consentpolicycodes`, 'cric'),
  provision: {
    type,
    period: { start: new Date().toISOString() },
    actor: [
      {
        role: coded(`${TERMS}provenance-participant-type`, 'performer'),
        reference: { reference: 'Organization/payer' },
      },
      ...(npi === undefined
        ? []
        : [
            {
              role: coded(`${TERMS}v3-ParticipationType`, RECIPIENT),
              reference: { identifier: { system: NPI, value: npi } },
            },
          ]),
    ],
    action: [coded(`${TERMS}consentaction`, 'disclose')],
  },
});

/** Ten digits whose last one checks the others (45 CFR 162.406, the Luhn formula with the prefix 80840). */
export function isNpi(text: string): boolean {
  if (!/^\d{10}$/.test(text)) return false;
  const sum = [...`80840${text}`].reverse().reduce((all, digit, at) => {
    const value = Number(digit) * (at % 2 === 1 ? 2 : 1);
    return all + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
