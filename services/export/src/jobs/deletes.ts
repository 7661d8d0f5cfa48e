import { RECALLED } from '@provider-access/domain/pdex/labels';
import { type RecordPart, type RecordsReader, SHARED } from '@provider-access/records';

export const DELETES_A_BUNDLE = 1000;

/** A line of a file of deletes (Bulk Data, `deleted`). @param ids `Type/id` */
export const deleteBundle = (ids: readonly string[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: ids.map((url) => ({ request: { method: 'DELETE', url } })),
    }),
  );

/**
 * Whether another member has a removed resource now. A recalled one may be there because it was another person's. Then
 * it counts only if the client may see this person: nothing else tells the client to delete its copy.
 */
export async function isElsewhere(
  { type, id, labels = [] }: Pick<RecordPart, 'type' | 'id' | 'labels'>,
  records: Pick<RecordsReader, 'isHeldBy' | 'holders'>,
  sees: (member: string) => Promise<boolean>,
): Promise<boolean> {
  if (!labels.includes(RECALLED)) return records.isHeldBy(1, type, id);
  for (const holder of await records.holders(type, id)) if (holder !== SHARED && (await sees(holder))) return true;
  return false;
}
