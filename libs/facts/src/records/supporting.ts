import { SHARED_TYPES } from '@provider-access/kernel/fhir';

/** Types that may live under the key `shared`: the directory, and what a payer may publish without a patient. */
const SUPPORTING: ReadonlySet<string> = new Set([...SHARED_TYPES, 'Medication', 'Device']);
/**
 * What a Provenance brings along: who recorded something, and where. Records of earlier releases also name what the
 * Provenance is about, which may be a medication of a prescription from before 2016.
 */
const BY_PROVENANCE: ReadonlySet<string> = new Set([...SHARED_TYPES, 'Device']);

/**
 * The type of a reference (`Type/id`) that a record of the type `holder` brings along into an export, or undefined when
 * it brings nothing: the type belongs to a patient, or the record only tells about the resource.
 */
export function broughtType(holder: string, reference: string): string | undefined {
  const type = reference.slice(0, Math.max(0, reference.indexOf('/')));
  return (holder === 'Provenance' ? BY_PROVENANCE : SUPPORTING).has(type) ? type : undefined;
}
