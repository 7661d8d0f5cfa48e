import { tailPart } from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { deflateSegment, type IndexedSegment, inflateSegment, type Segment } from '../../segments/index.ts';
import type { LineForm, PartInfo } from '../../files/part-set.ts';
import { storedBytes } from './segment-stream.ts';

/** Bytes that are sent in place of a segment, or beside the segments. */
export const inline = (segment: IndexedSegment, lines: Buffer): IndexedSegment => {
  const { bytes, ...size }: Segment = deflateSegment(lines, 0);
  return { ...segment, ...size, inline: { lines, bytes } };
};

/**
 * The line of a result with these segments: the head as it is stored, the contained resources, the entries, and the
 * number of entries. A file has as many contained parts as entries, and all of them come before the first entry. Each
 * begins with a comma.
 * @param all the segments of the file
 * @param kept those of permitted members
 */
export async function renderResult(
  blobs: Blobs,
  { part }: Pick<PartInfo, 'part'>,
  { kind, lastUpdated }: Extract<LineForm, { form: 'result' }>,
  all: readonly IndexedSegment[],
  kept: readonly IndexedSegment[],
): Promise<readonly IndexedSegment[]> {
  const [head] = all as [IndexedSegment];
  const firstEntry = all[(all.length - 1) / 2 + 1];
  const isEntry = ({ offset }: IndexedSegment): boolean => firstEntry !== undefined && offset >= firstEntry.offset;
  const contained = kept.filter((segment) => !isEntry(segment));
  const entries = kept.filter(isEntry);
  const list = async (before: string, [first, ...others]: readonly IndexedSegment[]): Promise<IndexedSegment[]> => {
    if (first === undefined) return [];
    const stored = inflateSegment(await storedBytes(blobs, part, first), first).subarray(1);
    return [inline(first, Buffer.concat([Buffer.from(before), stored])), ...others];
  };
  const close = entries.length === 0 ? '' : ']';
  return [
    head,
    ...(await list(',"contained":[', contained)),
    ...(await list('],"member":[', entries)),
    inline(
      { ...head, of: [], labels: [], offset: -1 },
      Buffer.from(`${close}${tailPart({ kind, lastUpdated }, entries.length)}\n`),
    ),
  ];
}
