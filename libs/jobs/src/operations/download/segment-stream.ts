import type { Readable } from 'node:stream';
import type { Blobs } from '@provider-access/engines/blob';
import { startedStream, whileDecided } from '@provider-access/service/http';
import {
  cutSegment,
  type IndexedSegment,
  inflateSegments,
  pieces,
  type Layout,
  type Piece,
  storedSize,
} from '../../segments/index.ts';

export interface SegmentStreamOptions {
  readonly blobs: Blobs;
  readonly part: string;
  readonly layout: Layout;
  /** Bytes [start, end) of the layout. */
  readonly start: number;
  readonly end: number;
  /**
   * Called with each segment before its bytes are sent, and again if the client was slow. False ends the response.
   */
  mayGoOn(segments: readonly IndexedSegment[]): boolean | Promise<boolean>;
}

/**
 * Limits of segments that are decided and read together: their number, and about how many compressed bytes. One read of
 * a file has 128 ordinary segments. With more, each further decision for a slow client would be about more members.
 */
const TOGETHER = 128;
const TOGETHER_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Plain bytes of the segments that one call inflates, which blocks the event loop for about 2 ms. */
const INFLATED_BYTES = 512 * 1024;
type SegmentPiece = Extract<Piece, { kind: 'segment' }>;

/**
 * Streams the bytes of a download. Each stretch of segments is decided before it is read, at the pace of the client.
 * Resolves when bytes of the first segment are ready. An AccessEnded or an error of the files before that rejects, so
 * that the caller can still send another answer. A later error destroys the stream.
 */
export async function segmentStream(options: SegmentStreamOptions): Promise<Readable> {
  // The first piece may be the gzip header, which needs no decision, so wait for a second piece.
  return startedStream(stretches(options), 2);
}

async function* stretches(options: SegmentStreamOptions): AsyncGenerator<Uint8Array> {
  const { layout, start, end } = options;
  let batch: SegmentPiece[] = [];
  let bytes = 0;
  for (const piece of pieces(layout, start, end)) {
    if (piece.kind === 'literal') {
      if (batch.length > 0) yield* read(options, batch);
      batch = [];
      bytes = 0;
      yield piece.bytes;
      continue;
    }
    batch.push(piece);
    bytes += piece.segment.compressed;
    if (batch.length < TOGETHER && bytes < TOGETHER_BYTES) continue;
    yield* read(options, batch);
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield* read(options, batch);
}

function read(options: SegmentStreamOptions, batch: readonly SegmentPiece[]): AsyncGenerator<Uint8Array> {
  const segments = batch.map((piece) => piece.segment);
  return whileDecided(chunks(options, batch), () => options.mayGoOn(segments));
}

async function* chunks(
  { blobs, part, layout }: SegmentStreamOptions,
  batch: readonly SegmentPiece[],
): AsyncGenerator<Uint8Array> {
  for (const run of runs(batch)) {
    const from = run[0]!.segment.offset;
    const last = run.at(-1)!;
    const [{ segment, skip, take }] = run as [SegmentPiece];
    if (segment.inline !== undefined) {
      const bytes = layout.coding === 'gzip' ? segment.inline.bytes : segment.inline.lines;
      yield bytes.subarray(skip, skip + take);
      continue;
    }
    if (segment.cut !== undefined) {
      const served = cutSegment(await storedBytes(blobs, part, segment), segment, segment.cut.without);
      const bytes = layout.coding === 'gzip' ? served!.bytes : served!.lines;
      yield bytes.subarray(skip, skip + take);
      continue;
    }
    if (layout.coding === 'gzip') {
      // Adjacent segments of the file need one read.
      yield* blobs.range(
        part,
        from + run[0]!.skip,
        last.segment.offset + last.skip + last.take,
      ) as AsyncIterable<Uint8Array>;
      continue;
    }
    const bytes = await bytesOf(blobs, part, from, last.segment.offset + last.segment.compressed);
    for (const some of groups(run)) {
      const at = some[0]!.segment.offset - from;
      const end = some.at(-1)!.segment.offset + some.at(-1)!.segment.compressed - from;
      const lines = inflateSegments(
        bytes.subarray(at, end),
        some.map(({ segment }) => segment),
      );
      // Only the first and the last piece of a download can be a part of their segment, so what is taken is adjacent.
      const { skip } = some[0]!;
      const plain = lines.subarray(skip, skip + some.reduce((sum, { take }) => sum + take, 0));
      for (let i = 0; i < plain.length; i += CHUNK_BYTES) yield plain.subarray(i, i + CHUNK_BYTES);
    }
  }
}

/** Segments of a run that are inflated with one call: a large one stands alone. */
function* groups(run: readonly SegmentPiece[]): Generator<readonly SegmentPiece[]> {
  let group: SegmentPiece[] = [];
  let plain = 0;
  for (const piece of run) {
    if (group.length > 0 && plain + piece.segment.plain > INFLATED_BYTES) {
      yield group;
      group = [];
      plain = 0;
    }
    group.push(piece);
    plain += piece.segment.plain;
  }
  yield group;
}

const bytesOf = async (blobs: Blobs, part: string, from: number, to: number): Promise<Buffer> =>
  Buffer.concat(await (blobs.range(part, from, to) as Readable).toArray());

/** The bytes of a segment as the part file has them. */
export const storedBytes = (blobs: Blobs, part: string, { offset, ...segment }: IndexedSegment): Promise<Buffer> =>
  bytesOf(blobs, part, offset, offset + storedSize(segment).compressed);

/** Groups segments that are adjacent in the part file. A segment that is not served as it is stored stands alone. */
function runs(batch: readonly SegmentPiece[]): SegmentPiece[][] {
  const found: SegmentPiece[][] = [];
  let expected = -1;
  for (const piece of batch) {
    const { offset, compressed, cut, inline } = piece.segment;
    const isStored = cut === undefined && inline === undefined;
    if (offset === expected && isStored) found.at(-1)!.push(piece);
    else found.push([piece]);
    expected = isStored ? offset + compressed : Number.NaN;
  }
  return found;
}
