import { SHARED_TYPES } from '@provider-access/fhir';
import { recordId, SHARED } from './record.ts';

/** Types that may live under the key `shared`: the directory, and what a payer may publish without a patient. */
const SUPPORTING: ReadonlySet<string> = new Set([...SHARED_TYPES, 'Medication', 'Device']);

/** Whether resources of the type come with those that refer to them. */
export const isSupportingType = (type: string): boolean => SUPPORTING.has(type);

/**
 * Ids in the `records` view of the shared resources that references (`Type/id`) name: what an export must bring along
 * with a member's resources. Each once, in order of first mention; an id
 * may be missing in the view. References to types that belong to a patient are passed over.
 */
export function supportingIds(references: Iterable<string>): string[] {
  const ids = new Set<string>();
  for (const reference of references) {
    const slash = reference.indexOf('/');
    if (slash > 0 && SUPPORTING.has(reference.slice(0, slash))) ids.add(recordId(SHARED, reference.slice(0, slash), reference.slice(slash + 1)));
  }
  return [...ids];
}
