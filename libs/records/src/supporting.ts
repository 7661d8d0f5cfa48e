import { SHARED_TYPES } from '@provider-access/fhir';

/** Types that a payer may publish with a member, or without a patient as a shared resource. */
const MAY_BE_SHARED: ReadonlySet<string> = new Set(['Medication', 'Device']);
/** Whether both members and `shared` may have a resource of this type, even under one id. */
export const mayBeShared = (type: string): boolean => MAY_BE_SHARED.has(type);
/** Types that may be stored under the key `shared`. */
const SUPPORTING: ReadonlySet<string> = new Set([...SHARED_TYPES, ...MAY_BE_SHARED]);
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
