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

/** Intake writes type, id and the version first, so a line of megabytes need not be parsed. */
const HEAD = new RegExp(
  String.raw`^\{"resourceType":"([A-Za-z]+)","id":"([A-Za-z0-9\-.]{1,64})"` +
    String.raw`(?:,"meta":\{"versionId":"\d+","lastUpdated":"([^"]+)")?`,
);
const NEWLINE = 0x0a;

interface Entry {
  readonly request?: { readonly url?: string };
}
interface Read {
  readonly resourceType?: string;
  readonly id?: string;
  readonly meta?: { readonly lastUpdated?: unknown };
  readonly entry?: readonly Entry[];
  readonly parameter?: readonly { readonly valueReference?: { readonly reference?: string } }[];
}
/** A line of a segment. */
export interface SegmentLine {
  /** `Type/id` of the resource; those of its entries if it is a Bundle of deletes. */
  readonly names: readonly string[];
  /** Without its newline. */
  readonly line: Buffer;
}

function* linesOf(lines: Buffer): Generator<Buffer> {
  for (let at = 0; at < lines.length;) {
    const end = lines.indexOf(NEWLINE, at);
    const next = end < 0 ? lines.length : end + 1;
    yield lines.subarray(at, next);
    at = next;
  }
}
const headOf = (line: Buffer): RegExpExecArray | null => HEAD.exec(line.toString('latin1', 0, 256));
const read = (line: Buffer): Read => JSON.parse(line.toString('utf8')) as Read;
const urlOf = (entry: Entry): string => entry.request?.url ?? '';

/** `Type/id` of a line; those of its entries if it is a Bundle of deletes; of the Patient if it is a header. */
function namesIn(line: Buffer): readonly string[] {
  const head = headOf(line);
  if (head !== null && head[1] !== 'Bundle') return [`${head[1]}/${head[2]}`];
  const { resourceType, id, entry, parameter } = read(line);
  if (resourceType === 'Parameters') return [String(parameter?.[0]?.valueReference?.reference)];
  return resourceType === 'Bundle' && Array.isArray(entry)
    ? entry.filter(isObject).map(urlOf)
    : [`${resourceType}/${id}`];
}

/** `meta.lastUpdated` of a line, ms since the epoch. Undefined if it has none, as a resource cut to some elements. */
export function lastUpdatedOf(line: Buffer): number | undefined {
  const updated: unknown = headOf(line)?.[3] ?? read(line).meta?.lastUpdated;
  const time = typeof updated === 'string' ? Date.parse(updated) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** The lines of a segment. Throws if the bytes do not match the index. */
export const linesOfSegment = (bytes: Uint8Array, segment: Stored): readonly SegmentLine[] =>
  Array.from(linesOf(inflateSegment(bytes, storedSize(segment))), (line) => ({
    names: namesIn(line),
    line: line.at(-1) === NEWLINE ? line.subarray(0, -1) : line,
  }));

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
