import type { Blobs } from '@provider-access/engines/blob';
import { groupResource } from '@provider-access/domain/pdex';
import {
  decodeIndex,
  deflateSegment,
  GROUP,
  PartIndexBuilder,
  type PartInfo,
  type SegmentSize,
} from '@provider-access/jobs/files';
import type { AskedList } from './asked-list.ts';

/** The line of the Group up to its entries: everything but `member`, `quantity` and the end. */
function headLine({ head, lastUpdated }: AskedList): Buffer {
  const { quantity: _quantity, ...resource } = groupResource({ ...head, lastUpdated, members: [], quantity: 0 });
  return Buffer.from(JSON.stringify(resource).slice(0, -1));
}

/**
 * Joins the entries of all chunks behind the head of the Group. A download makes the line from it: a part of the line
 * names members, so it is never stored as a whole.
 * @param chunks the files of entries, in the order of chunks
 */
export async function sealList(
  blobs: Blobs,
  prefix: string,
  list: AskedList,
  chunks: readonly PartInfo[],
  rules: string,
): Promise<PartInfo> {
  const name = `${prefix}${GROUP}-0`;
  const writer = await blobs.writer(`${name}.part`);
  const index = new PartIndexBuilder(GROUP, rules, true);
  let plain = 0;
  let compressed = 0;
  const add = (members: readonly string[], size: SegmentSize, labels: readonly string[] = []): void => {
    index.add(members, size, labels);
    plain += size.plain;
    compressed += size.compressed;
  };
  try {
    const head = deflateSegment(headLine(list), 1);
    add([], head);
    await writer.write(head.bytes);
    for (const chunk of chunks) {
      const bytes = await blobs.get(chunk.index);
      if (bytes === undefined) throw new Error('the index of a part is missing');
      const { members, segments } = decodeIndex(bytes);
      for (const segment of segments)
        add(
          segment.of.map((at) => members[at]!),
          segment,
          segment.labels,
        );
      for await (const some of blobs.range(chunk.part, 0, chunk.compressed)) await writer.write(some as Uint8Array);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await blobs.put(`${name}.index`, index.encode());
  const names = { part: `${name}.part`, index: `${name}.index` };
  return { file: `${GROUP}-list-0.ndjson`, kind: 'output', type: GROUP, ...names, resources: 1, plain, compressed };
}
