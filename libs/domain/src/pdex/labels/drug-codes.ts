import { withoutEnd } from '@provider-access/kernel';

/**
 * Codes that name a drug, for prior authorizations (rows N74 and N75 of the rules; ADR 0058). Date of the table:
 * 2026-11-29. A person wrote it from the descriptions of HCPCS Level II, and nobody has compared it with a quarterly
 * file of CMS or with the licensed list of X12 yet.
 */

/** Systems whose every code is a drug: NDC and RxNorm. In the form of `normalSystem`. */
const DRUG_SYSTEMS: ReadonlySet<string> = new Set([
  'hl7.org/fhir/sid/ndc',
  '2.16.840.1.113883.6.69',
  'www.nlm.nih.gov/research/umls/rxnorm',
  '2.16.840.1.113883.6.88',
]);
const HCPCS_SYSTEMS: ReadonlySet<string> = new Set([
  'www.cms.gov/medicare/coding/hcpcsreleasecodesets',
  'www.cms.gov/medicare/coding/medhcpcsgeninfo',
  'terminology.hl7.org/codesystem/hcpcs-all-codes',
  'terminology.hl7.org/codesystem/hcpcs',
  '2.16.840.1.113883.6.285',
]);

/**
 * Drugs of HCPCS Level II as codes and ranges: drugs, biologicals, vaccines, contrast agents, radiopharmaceuticals, and
 * what a pharmacy charges for dispensing them. Not in it: administration, infusion and counselling, devices that hold a
 * drug (stents, pumps, pens without a drug), and skin substitutes.
 */
const HCPCS_DRUGS = `
A9150 A9152-A9153 A9155 A9180 A9500-A9700
C9000-C9351 C9365-C9599
G0333 G1028 G2078-G2079 G2215-G2216 G9017-G9020 G9033-G9036
J0000-J9999
Q0138-Q0139 Q0144 Q0161-Q0181 Q0220-Q0249 Q0510-Q0515 Q2004 Q2009 Q2017 Q2034-Q2043 Q2049-Q2050 Q2053-Q2058
Q3027-Q3028 Q4074 Q4081-Q4082 Q5101-Q5199 Q9945-Q9983 Q9991-Q9998
S0012-S0195 S0197 S4990-S4991 S4993 S4995 S5000-S5001 S5010-S5014 S5550-S5553 S5565-S5566 S5570-S5571`
  .trim()
  .split(/\s+/)
  .map((range) => {
    const [first = '', last = first] = range.split('-');
    return { first, last };
  });

/** Modifiers of HCPCS that stand beside a drug only: how it was given, wasted, bought, compounded or supplied. */
const DRUG_MODIFIERS: ReadonlySet<string> = new Set(
  'EA EB EC EJ J1 J2 J3 JA JB JE JF JG JK JL JW JZ KD KO KP KQ RD SV TB'.split(' '),
);
/** X12 service types (data element 1365): pharmacy and prescription drugs. */
const DRUG_SERVICE_TYPES: ReadonlySet<string> = new Set('88 89 90 91 92 B2 B3'.split(' '));

const HCPCS_FORM = /^[A-Z]\d{4}$/;
const isHcpcsDrug = (code: string): boolean =>
  HCPCS_FORM.test(code) && HCPCS_DRUGS.some(({ first, last }) => first <= code && code <= last);
/** An NDC with its hyphens, or its 11 digits. */
const NDC_FORM = /^(?:\d{4,5}-\d{3,4}-\d{1,2}|\d{11})$/;

/** `yes`; `perhaps` if a code of a drug has no system; `no`. */
export type Named = 'yes' | 'perhaps' | 'no';
type Coding = Readonly<Record<string, unknown>>;

/** The name of a system without scheme, version, case, a slash at the end and `urn:oid:`. */
function normalSystem(system: unknown): string {
  if (typeof system !== 'string') return '';
  const [name = ''] = system.trim().toLowerCase().split('|', 1);
  return withoutEnd(name.replace(/^(?:https?:\/\/|urn:oid:)/, ''));
}
const normalCode = (code: unknown): string => (typeof code === 'string' ? code.trim().toUpperCase() : '');

/** Whether a Coding names a drug. */
export function namesDrug(coding: Coding): Named {
  const code = normalCode(coding['code']);
  if (code === '') return 'no';
  const system = normalSystem(coding['system']);
  if (DRUG_SYSTEMS.has(system)) return 'yes';
  if (HCPCS_SYSTEMS.has(system)) return isHcpcsDrug(code) ? 'yes' : 'no';
  return system === '' && (isHcpcsDrug(code) || NDC_FORM.test(code)) ? 'perhaps' : 'no';
}
/** Whether a Coding of a `modifier` says that the product is a drug. */
export function modifiesDrug(coding: Coding): Named {
  const system = normalSystem(coding['system']);
  if (!DRUG_MODIFIERS.has(normalCode(coding['code']))) return namesDrug(coding);
  return HCPCS_SYSTEMS.has(system) ? 'yes' : system === '' ? 'perhaps' : 'no';
}
/** Whether a Coding of a `category` says that the benefit is one of drugs. */
export function categoryOfDrug(coding: Coding): Named {
  if (!DRUG_SERVICE_TYPES.has(normalCode(coding['code']))) return namesDrug(coding);
  const system = normalSystem(coding['system']);
  return /(?:^|[./])x12\.org(?:\/|$)/.test(system) ? 'yes' : system === '' ? 'perhaps' : 'no';
}
