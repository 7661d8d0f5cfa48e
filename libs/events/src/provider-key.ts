/** `npi|1234567893` or `tin|123456789`: the one spelling of a provider identifier inside the platform. */
export type ProviderKey = `npi|${string}` | `tin|${string}`;

export const NPI_SYSTEM = 'http://hl7.org/fhir/sid/us-npi';
export const TIN_SYSTEM = 'urn:oid:2.16.840.1.113883.4.4';

export const npiKey = (npi: string): ProviderKey => `npi|${npi}`;
/** TINs are written with and without a hyphen: inside there are only digits. */
export const tinKey = (tin: string): ProviderKey => `tin|${tin.replace('-', '')}`;

export function providerKeys(p: { npi?: string | undefined; tin?: string | undefined }): ProviderKey[] {
  return [...(p.npi === undefined ? [] : [npiKey(p.npi)]), ...(p.tin === undefined ? [] : [tinKey(p.tin)])];
}

/** An NPI: ten digits, the last a Luhn check digit over `80840` and the rest (45 CFR 162.406). */
export function isNpi(value: string): boolean {
  if (!/^[12]\d{9}$/.test(value)) return false;
  const digits = `80840${value}`;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const weighted = i % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/** A TIN as written (`12-3456789` or `123456789`). */
export const isTin = (value: string): boolean => /^\d{2}-?\d{7}$/.test(value);

/** A provider as an opt-out names it. */
interface OptOutTarget {
  readonly npi?: string | undefined;
  readonly tin?: string | undefined;
}
/** Whether a target names a provider by what we know, and by nothing else. */
const isUnderstood = ({ npi, tin, ...more }: OptOutTarget): boolean =>
  Object.keys(more).length === 0 && (npi !== undefined || tin !== undefined) && (npi === undefined || isNpi(npi));
/**
 * The providers that an opt-out bars. [] is all of them: the opt-out names none, or one of its targets may name
 * somebody whom the platform does not know.
 */
export const optOutTargets = (targets: readonly OptOutTarget[] | undefined): ProviderKey[] =>
  targets?.every(isUnderstood) === true ? targets.flatMap((target) => providerKeys(target)) : [];
