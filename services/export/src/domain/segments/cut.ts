import { isObject } from '@provider-access/fhir';
import type { IndexedSegment } from './part-index.ts';
import { deflateSegment, inflateSegment, type Segment, type SegmentSize } from './segment.ts';

/** A segment without some of its resources. */
export interface CutSegment extends Segment {
  readonly lines: Buffer;
}
type Stored = SegmentSize & Pick<IndexedSegment, 'cut'>;

/** The size of a segment in its part file. */
export const storedSize = (segment: Stored): SegmentSize => segment.cut?.stored ?? segment;

/** Intake writes type and id first, so a line of megabytes need not be parsed. */
const HEAD = /^\{"resourceType":"([A-Za-z]+)","id":"([A-Za-z0-9\-.]{1,64})"/;
const NEWLINE = 0x0a;

interface Entry {
  readonly request?: { readonly url?: string };
}
interface Read {
  readonly resourceType?: string;
  readonly id?: string;
  readonly entry?: readonly Entry[];
}

function* linesOf(lines: Buffer): Generator<Buffer> {
  for (let at = 0; at < lines.length;) {
    const end = lines.indexOf(NEWLINE, at);
    const next = end < 0 ? lines.length : end + 1;
    yield lines.subarray(at, next);
    at = next;
  }
}
const read = (line: Buffer): Read => JSON.parse(line.toString('utf8')) as Read;
const urlOf = (entry: Entry): string => entry.request?.url ?? '';

/** `Type/id` of a line; those of its entries if it is a Bundle of deletes. */
function namesIn(line: Buffer): readonly string[] {
  const head = HEAD.exec(line.toString('latin1', 0, 256));
  if (head !== null && head[1] !== 'Bundle') return [`${head[1]}/${head[2]}`];
  const { resourceType, id, entry } = read(line);
  return resourceType === 'Bundle' && Array.isArray(entry)
    ? entry.filter(isObject).map(urlOf)
    : [`${resourceType}/${id}`];
}

/**
 * `Type/id` of the resources of a segment, and of those that it lists as deleted. Throws if the bytes do not match the
 * index.
 */
export function namesOfSegment(bytes: Uint8Array, segment: Stored): readonly string[] {
  return [...linesOf(inflateSegment(bytes, storedSize(segment)))].flatMap(namesIn);
}

/** The segment without these resources (`Type/id`). Undefined if nothing is left. */
export function cutSegment(bytes: Uint8Array, segment: Stored, without: ReadonlySet<string>): CutSegment | undefined {
  const kept: Buffer[] = [];
  for (const line of linesOf(inflateSegment(bytes, storedSize(segment)))) {
    const names = namesIn(line);
    const left = names.filter((name) => !without.has(name));
    if (left.length === names.length) kept.push(line);
    else if (left.length > 0) kept.push(withoutEntries(line, without));
  }
  if (kept.length === 0) return undefined;
  const lines = Buffer.concat(kept);
  return { ...deflateSegment(lines, kept.length), lines };
}

function withoutEntries(line: Buffer, without: ReadonlySet<string>): Buffer {
  const bundle = read(line);
  return Buffer.from(`${JSON.stringify({ ...bundle, entry: bundle.entry!.filter((e) => !without.has(urlOf(e))) })}\n`);
}
