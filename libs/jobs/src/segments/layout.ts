import { createHash } from 'node:crypto';
import { crc32Combine } from './crc32.ts';
import type { IndexedSegment, PartIndex } from './part-index.ts';

export type Coding = 'gzip' | 'identity';

/** A piece of a response: literal bytes, or (part of) a segment. `skip` and `take` count bytes in the served coding. */
export type Piece =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  | { readonly kind: 'segment'; readonly segment: IndexedSegment; readonly skip: number; readonly take: number };

/** The content of a download, computed from the index before any byte is read. */
export interface Layout {
  readonly coding: Coding;
  /** Content-Length of the whole. */
  readonly length: number;
  readonly resources: number;
  readonly segments: readonly IndexedSegment[];
  readonly crc: number;
  readonly plain: number;
}

/** RFC 1952: deflate, no name, no time, unknown system. Constant, so that equal content has equal bytes. */
export const GZIP_HEADER = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** The empty last block that ends the deflate stream, then CRC-32 and length modulo 2^32, little-endian. */
export function gzipTrailer(crc: number, plain: number): Uint8Array {
  const bytes = Buffer.alloc(10);
  bytes.set([3, 0]);
  bytes.writeUInt32LE(crc >>> 0, 2);
  bytes.writeUInt32LE(plain % 2 ** 32, 6);
  return bytes;
}

/** The segments of permitted members: the same array if these are all. A segment with several members needs one. */
export function permittedSegments(index: PartIndex, permitted: (member: string) => boolean): readonly IndexedSegment[] {
  const isPermitted = ({ of }: IndexedSegment): boolean => of.some((m) => permitted(index.members[m]!));
  return index.segments.every(isPermitted) ? index.segments : index.segments.filter(isPermitted);
}

/** Whether the segment is the header of a block, a line that names the patient whose resources follow. */
export const isHeader = ({ resources }: Pick<IndexedSegment, 'resources'>): boolean => resources === 0;

/**
 * What is left of a file of blocks: no lines whose header is gone, because they would follow another patient's header.
 * @param whole whether these are all segments that are left. Then a header that nothing follows goes too.
 */
export function inBlocks(segments: readonly IndexedSegment[], whole: boolean): readonly IndexedSegment[] {
  const kept: IndexedSegment[] = [];
  const dropLoneHeader = (): void => {
    if (whole && kept.length > 0 && isHeader(kept.at(-1)!)) kept.pop();
  };
  for (const segment of segments) {
    if (isHeader(segment)) dropLoneHeader();
    else if (kept.at(-1)?.of[0] !== segment.of[0]) continue;
    kept.push(segment);
  }
  dropLoneHeader();
  return kept;
}

/** The number of lines, headers of blocks included. */
export const linesIn = (segments: readonly IndexedSegment[]): number =>
  segments.reduce((sum, segment) => sum + (isHeader(segment) ? 1 : segment.resources), 0);

/** Most downloads are of a whole file, whose segments are in memory as long as its index. */
const layouts: Readonly<Record<Coding, WeakMap<readonly IndexedSegment[], Layout>>> = {
  gzip: new WeakMap(),
  identity: new WeakMap(),
};
export function layout(segments: readonly IndexedSegment[], coding: Coding): Layout {
  let known = layouts[coding].get(segments);
  if (known === undefined) layouts[coding].set(segments, (known = layoutOf(segments, coding)));
  return known;
}

function layoutOf(segments: readonly IndexedSegment[], coding: Coding): Layout {
  let resources = 0;
  let plain = 0;
  let compressed = 0;
  let crc = 0;
  for (const s of segments) {
    resources += s.resources;
    compressed += s.compressed;
    if (coding === 'gzip') crc = crc32Combine(crc, s.crc, s.plain);
    plain += s.plain;
  }
  return {
    coding,
    segments,
    resources,
    plain,
    crc,
    length: coding === 'gzip' ? GZIP_HEADER.byteLength + compressed + 10 : plain,
  };
}

/** The pieces of bytes [start, end) of the download, in order. */
export function* pieces(of: Layout, start = 0, end = of.length): Generator<Piece> {
  let at = 0;
  const cut = (length: number): { skip: number; take: number } | undefined => {
    const from = Math.max(start, at);
    const to = Math.min(end, at + length);
    const found = from < to ? { skip: from - at, take: to - from } : undefined;
    at += length;
    return found;
  };
  const literal = function* (bytes: Uint8Array): Generator<Piece> {
    const c = cut(bytes.byteLength);
    if (c !== undefined) yield { kind: 'literal', bytes: bytes.subarray(c.skip, c.skip + c.take) };
  };
  if (of.coding === 'gzip') yield* literal(GZIP_HEADER);
  for (const segment of of.segments) {
    if (at >= end) return;
    const c = cut(of.coding === 'gzip' ? segment.compressed : segment.plain);
    if (c !== undefined) yield { kind: 'segment', segment, ...c };
  }
  if (of.coding === 'gzip') yield* literal(gzipTrailer(of.crc, of.plain));
}

/**
 * The permitted members with data in bytes [start, end), and the number of their resources in the whole download. A
 * resource of several members counts for each of them.
 */
export function releasedBy(
  of: Layout,
  start: number,
  end: number,
  index: PartIndex,
  permitted: (member: string) => boolean,
): Map<string, number> {
  const isWhole = start === 0 && end === of.length;
  const given = new Set<number>();
  for (const piece of isWhole ? [] : pieces(of, start, end))
    if (piece.kind === 'segment') for (const m of piece.segment.of) given.add(m);
  const counts = new Map<string, number>();
  for (const segment of of.segments) {
    for (const m of segment.of) {
      const member = index.members[m]!;
      if ((isWhole || given.has(m)) && permitted(member))
        counts.set(member, (counts.get(member) ?? 0) + segment.resources);
    }
  }
  return counts;
}

const tags = new WeakMap<Layout, { readonly part: string; readonly tag: string }>();
/** The text of a strong entity tag over part, coding and permitted set: equal tags mean equal bytes. */
export function tagOf(part: string, of: Layout): string {
  const known = tags.get(of);
  if (known?.part === part) return known.tag;
  const tag = newTag(part, of);
  tags.set(of, { part, tag });
  return tag;
}

function newTag(part: string, of: Layout): string {
  const hash = createHash('sha256').update(`${part}\n${of.coding}\n`);
  // The offsets of the segments identify the permitted set, and reveal nothing about members.
  hash.update(Float64Array.from(of.segments, (s) => s.offset));
  // A segment that is served in part has other bytes than the stored one.
  const cut = of.segments.filter((s) => s.cut !== undefined || s.inline !== undefined);
  hash.update(Float64Array.from(cut.flatMap((s) => [s.offset, s.plain, s.compressed, s.crc])));
  return hash.digest('base64url').slice(0, 32);
}
