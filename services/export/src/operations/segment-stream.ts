import { Readable } from 'node:stream';
import type { Blobs } from '@provider-access/engines/blob';
import { inflateSegment, pieces, type Layout, type PartIndex, type Piece } from '../domain/segments/index.ts';

export interface SegmentStreamOptions {
  readonly blobs: Blobs;
  readonly part: string;
  readonly layout: Layout;
  /** Bytes [start, end) of the layout. */
  readonly start: number;
  readonly end: number;
  readonly index: PartIndex;
  /**
   * Asked before bytes of segments are sent, with the members of each, and again whenever the client was slow. False
   * ends the response.
   */
  mayGoOn(members: readonly (readonly string[])[]): boolean | Promise<boolean>;
}

/** Access ended during the response. The connection is cut, so that no client takes the file for complete. */
export class AccessEnded extends Error {
  override readonly name = 'AccessEnded';
}

/** Segments decided upon and read together: at most this many, and about this many compressed bytes. */
const TOGETHER = 32;
const TOGETHER_BYTES = 1024 * 1024;
/** How long a decision holds for the bytes that follow it, ms. */
const DECIDED_FOR_MS = 50;
const CHUNK_BYTES = 64 * 1024;
type SegmentPiece = Extract<Piece, { kind: 'segment' }>;

/**
 * The bytes of a download, one stretch after the other as the client takes them. Each stretch is decided before it is
 * read. Resolves when bytes of a segment can be sent. Rejects with AccessEnded, or with an error of the files, before
 * that: then nothing has been sent, and the request can still get another answer. Later these errors destroy the
 * stream.
 */
export async function segmentStream(options: SegmentStreamOptions): Promise<Readable> {
  const rest = stretches(options);
  const ahead: Uint8Array[] = [];
  // The head of a gzip stream belongs to nobody, so it may be the first that comes.
  while (ahead.length < 2) {
    const next = await rest.next();
    if (next.done === true) break;
    ahead.push(next.value);
  }
  const stream = Readable.from(joined(ahead, rest), { objectMode: false, highWaterMark: 64 * 1024 });
  // If the client is gone before the first byte, the outer stream never starts, and the inner one has an open file.
  return stream.once('close', () => void rest.return(undefined).catch(() => undefined));
}

async function* joined(ahead: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* ahead;
  yield* rest;
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

async function* read(options: SegmentStreamOptions, batch: readonly SegmentPiece[]): AsyncGenerator<Uint8Array> {
  const members = batch.map((p) => p.segment.of.map((m) => options.index.members[m]!));
  let decidedAt = Number.NEGATIVE_INFINITY;
  for await (const chunk of chunks(options, batch)) {
    // A slow client may take minutes for a stretch, so the decision must be repeated.
    if (performance.now() - decidedAt > DECIDED_FOR_MS) {
      if (!(await options.mayGoOn(members))) throw new AccessEnded('access ended during the download');
      decidedAt = performance.now();
    }
    yield chunk;
  }
}

async function* chunks(
  { blobs, part, layout }: SegmentStreamOptions,
  batch: readonly SegmentPiece[],
): AsyncGenerator<Uint8Array> {
  for (const run of runs(batch)) {
    const from = run[0]!.segment.offset;
    const last = run.at(-1)!;
    if (layout.coding === 'gzip') {
      // Neighbours in the file are sent as they lie there.
      yield* blobs.range(
        part,
        from + run[0]!.skip,
        last.segment.offset + last.skip + last.take,
      ) as AsyncIterable<Uint8Array>;
      continue;
    }
    const bytes = Buffer.concat(
      await (blobs.range(part, from, last.segment.offset + last.segment.compressed) as Readable).toArray(),
    );
    for (const piece of run) {
      const at = piece.segment.offset - from;
      const plain = inflateSegment(bytes.subarray(at, at + piece.segment.compressed), piece.segment).subarray(
        piece.skip,
        piece.skip + piece.take,
      );
      for (let i = 0; i < plain.length; i += CHUNK_BYTES) yield plain.subarray(i, i + CHUNK_BYTES);
    }
  }
}

/** Segments that lie behind one another in the part file. */
function runs(batch: readonly SegmentPiece[]): SegmentPiece[][] {
  const found: SegmentPiece[][] = [];
  let expected = -1;
  for (const piece of batch) {
    if (piece.segment.offset === expected) found.at(-1)!.push(piece);
    else found.push([piece]);
    expected = piece.segment.offset + piece.segment.compressed;
  }
  return found;
}
