import { recordId } from '@provider-access/records';
import type { FindQuery } from '@provider-access/engines/views';
import type { Behind, Conditions } from './conditions.ts';

/** The rows of a member and type in the order of their ids. */
export function inOrder({ type }: Conditions, member: string, behind: Behind | undefined): Omit<FindQuery, 'limit'> {
  return {
    index: 'by_type',
    equals: [member, type],
    ...(behind !== undefined && { after: { values: [behind.id], id: recordId(member, type, behind.id) } }),
  };
}

/** Uses the index that contains the time, so that a selective filter reads few rows. */
export function inTime(
  { type, updated }: Conditions,
  member: string,
  behind: Behind | undefined,
): Omit<FindQuery, 'limit'> {
  let gte = 0;
  let lt = Number.MAX_SAFE_INTEGER;
  for (const { prefix, range } of updated) {
    if (prefix === 'eq' || prefix === 'ge') gte = Math.max(gte, range.start);
    if (prefix === 'gt' || prefix === 'sa') gte = Math.max(gte, range.end);
    if (prefix === 'eq' || prefix === 'le') lt = Math.min(lt, range.end);
    if (prefix === 'lt' || prefix === 'eb') lt = Math.min(lt, range.start);
  }
  return {
    index: 'by_updated',
    equals: [member, type],
    range: { gte, lt },
    ...(behind !== undefined && {
      after: { values: [behind.lastUpdated ?? 0, behind.id], id: recordId(member, type, behind.id) },
    }),
  };
}
