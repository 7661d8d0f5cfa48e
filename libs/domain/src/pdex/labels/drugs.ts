import { isObject } from '@provider-access/kernel/fhir';

/** A label that the platform itself gives to the prior authorization of a drug. A payer does not write it. */
export const DRUG_AUTHORIZATION = 'urn:provider-access:label|drug-prior-authorization';

const CLAIM_TYPE = 'http://terminology.hl7.org/CodeSystem/claim-type';
/** Systems whose every code is a drug: NDC and RxNorm. */
const DRUG_SYSTEMS: ReadonlySet<unknown> = new Set([
  'http://hl7.org/fhir/sid/ndc',
  'urn:oid:2.16.840.1.113883.6.69',
  'http://www.nlm.nih.gov/research/umls/rxnorm',
  'urn:oid:2.16.840.1.113883.6.88',
]);
const HCPCS: ReadonlySet<unknown> = new Set([
  'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets',
  'http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets',
  'https://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo',
  'http://terminology.hl7.org/CodeSystem/HCPCS-all-codes',
  'urn:oid:2.16.840.1.113883.6.285',
]);
/** HCPCS Level II: J codes are drugs that are not taken by mouth, and Q51 codes biosimilars. */
const DRUG_CODE = /^(J\d{4}|Q51\d{2})$/i;

type Source = Readonly<Record<string, unknown>>;
const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const codingsOf = (concept: unknown): readonly Source[] => {
  const coding = isObject(concept) ? concept['coding'] : undefined;
  return isArray(coding) ? coding.filter(isObject) : [];
};
const isDrug = ({ system, code }: Source): boolean =>
  DRUG_SYSTEMS.has(system) || (HCPCS.has(system) && typeof code === 'string' && DRUG_CODE.test(code));

/**
 * Whether a resource is a prior authorization of drugs alone (42 CFR 422.119(b)(1)(iv) excludes drugs): its type is
 * `pharmacy`, or each of its items is a drug by NDC, RxNorm or HCPCS. One that also authorizes something else is not,
 * because the rule asks for the rest.
 */
export function isDrugAuthorization(resource: Source): boolean {
  if (resource['resourceType'] !== 'ExplanationOfBenefit' || resource['use'] !== 'preauthorization') return false;
  const types = codingsOf(resource['type']);
  if (types.some(({ system, code }) => code === 'pharmacy' && (system === CLAIM_TYPE || system === undefined)))
    return true;
  const items = [resource['item'], resource['addItem']].flatMap((list) => (isArray(list) ? list.filter(isObject) : []));
  return items.length > 0 && items.every((item) => codingsOf(item['productOrService']).some(isDrug));
}
