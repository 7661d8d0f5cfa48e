import { type Disclosure, PA_AUDIT, dataOf, type ReadUntil, readUntilOf } from '@provider-access/events';
import { type LogRecord, parsedLately } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { notes } from '@provider-access/kernel';

/** A release or refusal, for one member. */
export interface DisclosureOf extends Omit<Disclosure, 'members' | 'perMember' | 'resources'> {
  /** Names the entry in a recall. */
  readonly id: string;
  readonly member: string;
  /** Names of recalls that say that the release had what was wrong. */
  readonly recalled?: readonly string[];
  /** Names of the providers of the app, as the directory of the payer has them now. */
  readonly names?: Readonly<Record<string, string>>;
  /** Resources of this member. Absent if an earlier version of the platform counted several members together. */
  readonly resources?: number;
}

const DAY_MS = 86_400_000;
/** Most members in one document. A list of a member's disclosures reads up to 1000 documents, so they must be small. */
const MEMBERS = 250;

/** An entry, or up to `MEMBERS` members of it, as the view keeps it. */
export interface KeptDisclosure extends Disclosure {
  /** How far the facts of the decisions had been read, for `explain` (ADR 0145). Absent in entries of before. */
  readonly read?: ReadUntil;
}

interface Parsed {
  readonly read: ReadUntil | undefined;
  readonly members: readonly string[];
  /** Resources of each of `members`. Absent if nobody counted them. */
  readonly perMember: readonly number[] | undefined;
}
interface AuditRecord {
  readonly entry: Disclosure;
  /** When it was written down, by the clock of the process (ms since the epoch), and the UTC day of that. */
  readonly at: number;
  readonly day: string;
  /** What its header says, if this process wrote it. */
  readonly read: ReadUntil | undefined;
  /** For the view of disclosures. A WeakMap of its own would cost each read more. */
  parsed: Parsed | undefined;
}
type Kept = Pick<AuditRecord, 'entry' | 'read'>;
/**
 * Entries that this process has appended and no view has read yet, by the headers of their record: the log of this
 * process hands on the headers of an append as they are. Parsing an entry costs a read more than keeping it.
 */
const appended = notes<LogRecord['headers'], Kept>();
/** Keeps an entry that is about to be appended, and its `ce_paread`, so that no view of this process parses them. */
export const keepEntry = ({ headers }: Pick<LogRecord, 'headers'>, entry: Disclosure, read?: ReadUntil): void =>
  void appended.set(headers, { entry, read });
function keptOf(record: LogRecord): Kept {
  const kept = appended.get(record.headers);
  if (kept === undefined) return { entry: dataOf<Disclosure>(record), read: undefined };
  // The log keeps its newest records in memory, and every entry would be there a second time.
  appended.delete(record.headers);
  return kept;
}
/** A record of `pa.disclosure.v1`, parsed once for all views of a process, which read it at about the same time. */
export const auditRecordOf = parsedLately((record: LogRecord): AuditRecord => {
  const at = writtenAt(record);
  const { entry, read } = keptOf(record);
  return { entry, at, day: dayOf(at), read, parsed: undefined };
});
/** When a record was written down, by the clock of its process, ms since the epoch. */
export const writtenAt = ({ headers, timestamp }: LogRecord): number => {
  const at = Date.parse(headers['ce_time'] ?? '');
  return Number.isNaN(at) ? timestamp : at;
};
let newest = { begins: 0, day: '1970-01-01' };
/** Entries come in the order of time, so most are of the same day. */
function dayOf(at: number): string {
  if (at >= newest.begins && at < newest.begins + DAY_MS) return newest.day;
  const day = new Date(at).toISOString().slice(0, 10);
  newest = { begins: Date.parse(day), day };
  return day;
}
function parse({ headers }: LogRecord, { entry, read }: AuditRecord): Parsed {
  const { members, perMember, resources } = entry;
  const unique = members.length < 2 ? members : [...new Set(members)];
  // An earlier version of the platform counted the whole response. That is the count of a member only if the entry
  // names one member, or nothing was released.
  const known = perMember ?? (unique.length === 1 || resources === 0 ? members.map(() => resources) : []);
  return {
    read: readOf(read ?? readUntilOf(headers), members),
    members: unique,
    perMember: countsOf(unique, members, known),
  };
}
function countsOf(
  unique: readonly string[],
  members: readonly string[],
  known: readonly number[],
): Parsed['perMember'] {
  if (known.length === 0) return undefined;
  if (unique.length === known.length && unique.length === members.length) return known;
  const counts = new Map(known.map((count, i) => [members[i]!, count]));
  return unique.map((member) => counts.get(member)!);
}

/** Each member once, as in the documents. Undefined if the header is not about these members. */
function readOf(read: ReadUntil | undefined, members: readonly string[]): ReadUntil | undefined {
  if (read === undefined) return undefined;
  // The entry of a read: nothing to leave out.
  if (members.length === 1 && Object.values(read.ofMembers).every(({ length }) => length === 1)) return read;
  const places = [...new Map(members.map((member, n) => [member, n])).values()];
  const ofMembers = Object.entries(read.ofMembers).map(
    ([topic, offsets]) => [topic, places.map((n) => offsets[n])] as const,
  );
  if (ofMembers.some(([, offsets]) => offsets.includes(undefined))) return undefined;
  return { ...read, ofMembers: Object.fromEntries(ofMembers) as ReadUntil['ofMembers'] };
}
const sliced = ({ ofMembers, ofParties }: ReadUntil, from: number, to: number): ReadUntil => ({
  ofMembers: Object.fromEntries(Object.entries(ofMembers).map(([topic, all]) => [topic, all.slice(from, to)])),
  ofParties,
});

/** Counted refusals of a token: the log keeps them, and nobody can be named for them. */
export const provedNothing = ({ action, client }: Disclosure): boolean => action === 'token' || client === 'unknown';

/** Parses an entry once and not for each document, because an entry may name 50,000 members. */
function disclosureTopic(): TopicEvolve<KeptDisclosure> {
  return {
    part: 'disclosure',
    blind: true,
    keys: (record) => {
      if (record.headers['ce_type'] !== 'pa.disclosure.v1') return [];
      const known = auditRecordOf(record);
      const { entry } = known;
      if (entry.count !== undefined && provedNothing(entry)) return [];
      const { members } = (known.parsed ??= parse(record, known));
      const prefix = `${entry.at}/${record.headers['ce_id']}/`;
      if (members.length <= MEMBERS) return [`${prefix}0`];
      return Array.from({ length: Math.ceil(members.length / MEMBERS) }, (_, n) => `${prefix}${n}`);
    },
    evolve: (_, record, key) => {
      const known = auditRecordOf(record);
      const { entry } = known;
      const { read, members: all, perMember } = (known.parsed ??= parse(record, known));
      const { perMember: _perMember, ...common } = entry;
      const n = Number(key.slice(key.lastIndexOf('/') + 1));
      const [from, to] = [n * MEMBERS, (n + 1) * MEMBERS];
      const members = all.slice(from, to);
      return {
        ...common,
        members,
        ...(read !== undefined && { read: all.length <= MEMBERS ? read : sliced(read, from, to) }),
        ...(perMember !== undefined && { perMember: perMember.slice(from, to) }),
      };
    },
  };
}

/**
 * Releases and refusals of identified clients, in one document for up to 250 members of an entry. Ids begin with the
 * time of the entry, so that documents are in that order under every index. The view writes what half a second
 * brings in one batch, because the log has the durable copy, and no request waits for the view. Each read of a client
 * writes every index, so there is none that two others replace (`findDisclosures`).
 */
export const disclosures: Projection = {
  owner: 'audit',
  name: 'disclosures',
  version: 4,
  topics: { [PA_AUDIT]: disclosureTopic() },
  lingerMs: 500,
  commitMs: 100,
  indexes: [
    { name: 'by_member_client', fields: ['disclosure.client', 'disclosure.members'], array: true },
    { name: 'by_member_outcome', fields: ['disclosure.outcome', 'disclosure.members'], array: true },
    { name: 'by_client_outcome', fields: ['disclosure.client', 'disclosure.outcome'] },
    { name: 'by_group', fields: ['disclosure.group'] },
    { name: 'by_outcome', fields: ['disclosure.outcome'] },
  ],
};
