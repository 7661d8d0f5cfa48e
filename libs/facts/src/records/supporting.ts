import { SHARED_TYPES } from '@provider-access/kernel/fhir';

/**
 * Types that may be stored under the key `shared`: the directory, and types that a payer may publish without a patient.
 */
const SUPPORTING: ReadonlySet<string> = new Set([...SHARED_TYPES, 'Medication', 'Device']);
/**
 * The resources that a Provenance brings along: who recorded something, and where. Records of earlier releases also
 * name the targets of the Provenance. Such a target may be a medication of a prescription from before 2016.
 */
const BY_PROVENANCE: ReadonlySet<string> = new Set([...SHARED_TYPES, 'Device']);

/**
 * The type of a reference (`Type/id`) that a record of the type `holder` brings along into an export. Undefined if it
 * brings nothing, because the type belongs to a patient, or the record only describes the resource.
 */
export function broughtType(holder: string, reference: string): string | undefined {
  const type = reference.slice(0, Math.max(0, reference.indexOf('/')));
  return (holder === 'Provenance' ? BY_PROVENANCE : SUPPORTING).has(type) ? type : undefined;
}
