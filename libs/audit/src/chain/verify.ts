import { type AuditSealed, auditSealed, dataOf, PA_AUDIT, PA_AUDIT_CHAIN } from '@provider-access/events';
import type { EventLog, LogRecord } from '@provider-access/engines/log';
import { dayOf, digestAfter, emptyDigest, isPlace, sealDigest, type SealedRange } from './digest.ts';

/** What a check found about a seal, or about one partition of it. */
export interface ChainFinding {
  readonly n: number;
  readonly day: string;
  readonly partition?: number;
  /** Records that were read. */
  readonly records?: number;
  /** `gone`: the oldest records of the partition are not in the log any more, so nothing can be compared. */
  readonly state: 'intact' | 'differs' | 'gone';
  /** Why, if the state is not `intact`. */
  readonly detail?: string;
}
export interface ChainPage {
  readonly findings: readonly ChainFinding[];
  /** The seals of this page that count. Compare them with digests that were kept elsewhere. */
  readonly seals: readonly Pick<AuditSealed, 'n' | 'day' | 'digest'>[];
  /** Where the next page begins. */
  readonly next?: ChainCursor;
  /** On the last page: records that no seal has yet. */
  readonly unsealed?: number;
  /** On the last page: the UTC day of the oldest of them, if there are any. If that day is over, the seals are late. */
  readonly unsealedSince?: string;
}

/** Where a page begins. Only `verifyChain` makes one; whoever reads one from outside checks its form. */
export interface ChainCursor {
  /** Partition and offset of the seal in pa.audit-chain. */
  readonly partition: number;
  readonly offset: number;
  /** The last seal that counts. */
  readonly last?: Pick<AuditSealed, 'n' | 'digest'> | undefined;
  /** By partition of pa.audit: the end of what earlier seals have. */
  readonly ends: readonly (number | null)[];
  /** A range of the seal that the page before began. */
  readonly open?: (Started & { readonly range: number }) | undefined;
}
/** How far a range was read. */
interface Started {
  readonly next: number;
  readonly records: number;
  readonly digest: string;
}

export interface ChainPeriod {
  /** UTC days, both included. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}
export interface ChainBounds {
  /** Records that one page reads at most, and some more. Default 20,000. */
  readonly records?: number;
  /** Seals in a page at most. Default 200. */
  readonly seals?: number;
}
type Log = Pick<EventLog, 'read' | 'head' | 'partitions'>;
const BATCH = 1000;

/** Compares the log with its seals, in pages (ADR 0049). It writes nothing. @throws EngineUnavailable */
export async function verifyChain(
  log: Log,
  period: ChainPeriod,
  at?: ChainCursor,
  { records: most = 20_000, seals: mostSeals = 200 }: ChainBounds = {},
): Promise<ChainPage> {
  const findings: ChainFinding[] = [];
  const seals: Pick<AuditSealed, 'n' | 'day' | 'digest'>[] = [];
  const ends = [...(at?.ends ?? [])];
  let { last, open } = at ?? {};
  let read = 0;
  let looked = 0;
  const heads = (await log.head([PA_AUDIT]))[PA_AUDIT] ?? [];
  const chainPartitions = await log.partitions(PA_AUDIT_CHAIN);
  for (let partition = at?.partition ?? 0; partition < chainPartitions; partition++) {
    for (let offset = partition === at?.partition ? at.offset : 0; ;) {
      const [record] = await log.read(PA_AUDIT_CHAIN, partition, offset, 1);
      if (record === undefined) break;
      const here = { partition, offset: record.offset };
      if (read >= most || looked >= mostSeals || seals.length >= mostSeals)
        return { findings, seals, next: { ...here, ...(last && { last }), ends, ...(open && { open }) } };
      looked++;
      offset = record.offset + 1;
      if (isPlace(record)) continue;
      const seal = sealOf(record);
      if (seal === undefined) {
        findings.push({ n: (last?.n ?? -1) + 1, day: '?', state: 'differs', detail: 'a seal cannot be read' });
        continue;
      }
      // Two processes sealed the same records. The first seal counts.
      if (open === undefined && last !== undefined && seal.n <= last.n) continue;
      const within =
        (period.from === undefined || seal.day >= period.from) && (period.to === undefined || seal.day <= period.to);
      if (open === undefined) {
        if (within) seals.push({ n: seal.n, day: seal.day, digest: seal.digest });
        const detail = faultOfSeal(seal, last, ends);
        // A fault of the chain itself is said for any period, because what follows rests on it.
        if (detail !== undefined) findings.push({ n: seal.n, day: seal.day, ...detail });
      }
      for (let r = open?.range ?? 0; within && r < seal.ranges.length; r++) {
        const range = seal.ranges[r]!;
        const from = open ?? { next: range.from, records: 0, digest: emptyDigest(range.partition, range.from) };
        open = undefined;
        if (read >= most)
          return { findings, seals, next: { ...here, ...(last && { last }), ends, open: { ...from, range: r } } };
        const found = await compare(log, range, from, heads[range.partition] ?? 0, most - read);
        read += found.read;
        if ('rest' in found)
          return { findings, seals, next: { ...here, ...(last && { last }), ends, open: { ...found.rest, range: r } } };
        findings.push({ n: seal.n, day: seal.day, partition: range.partition, ...found.finding });
      }
      last = { n: seal.n, digest: seal.digest };
      for (const range of seal.ranges) {
        while (ends.length <= range.partition) ends.push(null);
        ends[range.partition] = range.to;
      }
    }
  }
  return { findings, seals, ...(await unsealedBehind(log, heads, ends)) };
}

async function unsealedBehind(
  log: Log,
  heads: readonly number[],
  ends: ChainCursor['ends'],
): Promise<Required<Pick<ChainPage, 'unsealed'>> & Pick<ChainPage, 'unsealedSince'>> {
  let unsealed = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const [partition, head] of heads.entries()) {
    const end = ends[partition] ?? 0;
    if (head <= end) continue;
    unsealed += head - end;
    const [first] = await log.read(PA_AUDIT, partition, end, 1);
    oldest = Math.min(oldest, first?.timestamp ?? oldest);
  }
  return { unsealed, ...(oldest < Number.POSITIVE_INFINITY && { unsealedSince: dayOf(oldest) }) };
}

function sealOf(record: LogRecord): AuditSealed | undefined {
  try {
    return auditSealed.safeParse(dataOf(record)).data;
  } catch {
    return undefined;
  }
}

function faultOfSeal(
  seal: AuditSealed,
  last: ChainCursor['last'],
  ends: readonly (number | null)[],
): Pick<ChainFinding, 'state' | 'detail'> | undefined {
  const differs = (detail: string) => ({ state: 'differs' as const, detail });
  if (sealDigest(seal) !== seal.digest) return differs('the seal was changed');
  if (last === undefined && seal.n > 0) return { state: 'gone', detail: 'the seals before this one are gone' };
  if (last !== undefined && seal.n !== last.n + 1) return differs('a seal before this one is missing');
  if (last !== undefined && seal.previous !== last.digest) return differs('it does not follow the seal before');
  const begins = ({ partition, from }: SealedRange): boolean => from === (ends[partition] ?? (seal.n === 0 ? 0 : from));
  return seal.ranges.every(begins) ? undefined : differs('it does not begin where the seal before ended');
}

type Compared = { readonly read: number } & (
  { readonly rest: Started } | { readonly finding: Pick<ChainFinding, 'state' | 'detail' | 'records'> }
);

/** Reads a range on from where the page before stopped, at most `most` records and a batch. */
async function compare(log: Log, range: SealedRange, from: Started, head: number, most: number): Promise<Compared> {
  let { next, records, digest } = from;
  let read = 0;
  while (next < range.to) {
    if (read >= most) return { read, rest: { next, records, digest } };
    const batch = await log.read(PA_AUDIT, range.partition, next, Math.min(BATCH, range.to - next));
    read += batch.length;
    const inside = batch.filter(({ offset }) => offset < range.to);
    for (const record of inside) {
      if (isPlace(record)) continue;
      records++;
      digest = digestAfter(digest, record);
    }
    if (inside.length < batch.length || batch.length === 0) break;
    next = batch.at(-1)!.offset + 1;
  }
  if (records === range.records && digest === range.digest) return { read, finding: { state: 'intact', records } };
  return { read, finding: { records, ...(await faultOfRange(log, range, head)) } };
}

async function faultOfRange(
  log: Log,
  range: SealedRange,
  head: number,
): Promise<Pick<ChainFinding, 'state' | 'detail'>> {
  if (head < range.to) return { state: 'differs', detail: `the log ends at ${head}, and was sealed up to ${range.to}` };
  // Retention removes the oldest records of a partition. A restore puts places where a copy had none.
  let oldest = 0;
  for (;;) {
    const batch = await log.read(PA_AUDIT, range.partition, oldest, BATCH);
    const first = batch.find((record) => !isPlace(record));
    if (first !== undefined || batch.length === 0) {
      oldest = first?.offset ?? head;
      break;
    }
    oldest = batch.at(-1)!.offset + 1;
  }
  if (oldest > range.from)
    return { state: 'gone', detail: `the records before ${Math.min(oldest, range.to)} are not in the log any more` };
  return { state: 'differs', detail: 'the records are not those that were sealed' };
}
