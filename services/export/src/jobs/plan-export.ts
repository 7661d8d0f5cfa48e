import type { Blobs } from '@provider-access/engines/blob';
import type { ExportPlanned } from '@provider-access/events';
import type { MembershipPart } from '@provider-access/facts';
import type { ViewReader } from '@provider-access/engines/views';
import { planPrefix } from './job-files.ts';

/**
 * Freezes the members of the Group in one file for each chunk. Ended memberships are included, because the chunk
 * decides about each member again. A Group without members has no chunks and gives an empty export.
 */
export async function planExport(
  job: string,
  group: string,
  fence: number,
  memberships: ViewReader,
  blobs: Blobs,
  chunkMembers: number,
): Promise<ExportPlanned> {
  const prefix = planPrefix(job, fence);
  let chunk: string[] = [];
  let chunks = 0;
  let members = 0;
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    await blobs.put(`${prefix}${chunks}.json`, JSON.stringify({ members: chunk }));
    chunks++;
    chunk = [];
  };
  for await (const document of memberships.scan({ index: 'by_group', equals: [group], pageSize: 500 })) {
    chunk.push((document['membership'] as MembershipPart).member);
    members++;
    if (chunk.length >= chunkMembers) await flush();
  }
  await flush();
  return { job, members, chunks, plan: prefix };
}
