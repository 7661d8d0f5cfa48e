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
