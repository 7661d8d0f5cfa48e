import { createHash } from 'node:crypto';
import type { AccessHeld, OptedOut } from '@provider-access/events';
import {
  barsAllOf,
  deciding,
  endOf,
  folded,
  isCovered,
  isAboutAllOf,
  isOptOut,
  type OptIn,
  type OptOut,
  statementOf,
  type Statements,
} from '@provider-access/facts';
import { derivedEventId } from '@provider-access/intake';

/** One statement about a member's consent, without the member: it is published under every id of the person. */
export interface RegisterEntry {
  readonly type:
    | 'pa.opted-out.v1'
    | 'pa.opted-in.v1'
    | 'pa.provider-opted-in.v1'
    | 'pa.opt-out-withdrawn.v1'
    | 'pa.access-held.v1'
    | 'pa.access-released.v1';
  readonly cause: { readonly id: string; readonly source: string; readonly traceparent?: string | undefined };
  /** RFC 3339 instant. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
  /**
   * Hash of the content of the payer's event, because the same id with another content is a fault. Absent if an older
   * version stored the statement.
   */
  readonly content?: string;
}
/**
 * The statements under one member id that can still decide, the holds that are open or ended lately, and the ids of the
 * same person.
 */
export interface Register {
  readonly links: readonly string[];
  /** The property keeps its name, because the state store holds documents with it. */
  readonly said: readonly RegisterEntry[];
  /** When the newest statement was appended, dropped ones included. RFC 3339 instant. */
  readonly at?: string;
}
export const EMPTY: Register = { links: [], said: [] };

/** Replaces several sources. */
const OURS = 'urn:provider-access:consent';
const STATEMENTS = new Set<string>([
  'pa.opted-out.v1',
  'pa.opted-in.v1',
  'pa.provider-opted-in.v1',
  'pa.opt-out-withdrawn.v1',
]);
const isStatement = ({ type }: RegisterEntry): boolean => STATEMENTS.has(type);
const later = (a: string, b: string): string => (a > b ? a : b);

/** Two statements with the same key are one. */
export const keyOf = (s: RegisterEntry): string => JSON.stringify([s.type, s.cause.source, s.cause.id]);
/** A short name of a payer's event about a member. */
export const eventName = (member: string, { id, source }: RegisterEntry['cause']): string =>
  createHash('sha256')
    .update(JSON.stringify([source, id, member]))
    .digest('base64url');
const newestOf = ({ at = '', said }: Register): string =>
  said.reduce((newest, s) => (isStatement(s) ? later(newest, s.at) : newest), at);

/** A statement in the form of the facts, which compare sources by the mark of an event id. */
const statementIn = ({ cause, at, data }: RegisterEntry): OptIn | OptOut =>
  statementOf(data as unknown as OptedOut, { event: derivedEventId(cause, ''), recordedAt: at });

interface Known {
  readonly statements: Statements;
  readonly entryOf: ReadonlyMap<OptIn, RegisterEntry>;
}
function known(entries: readonly RegisterEntry[]): Known {
  const entryOf = new Map(entries.filter(isStatement).map((s) => [statementIn(s), s]));
  const all = [...entryOf.keys()];
  return { statements: { outs: all.filter(isOptOut), ins: all.filter((s) => !isOptOut(s)) }, entryOf };
}
/**
 * The register's form of the one opt-out that replaces many (`MOST`). No payer's event states it, so its source is
 * ours.
 */
function standIn({ event, businessTime, from, recordedAt, scope }: OptOut): RegisterEntry {
  return {
    type: 'pa.opted-out.v1',
    cause: { id: event, source: OURS },
    at: recordedAt,
    data: { scope, effective: from, businessTime, setBy: 'member' },
  };
}
const backTo = ({ outs, ins }: Statements, entryOf: ReadonlyMap<OptIn, RegisterEntry>): readonly RegisterEntry[] => [
  ...outs.map((o) => entryOf.get(o) ?? standIn(o)),
  ...ins.map((i) => entryOf.get(i)!),
];

const deadLetterOf = ({ data }: RegisterEntry): string => (data as unknown as AccessHeld).deadLetter;
/** So many ended holds are kept, so that a repeated one does not come back. */
const ENDED = 8;
/** Without the holds that ended longest ago, and their ends. */
function withoutEnded(entries: readonly RegisterEntry[]): readonly RegisterEntry[] {
  const ended = entries.filter(({ type }) => type === 'pa.access-released.v1').map(deadLetterOf);
  if (ended.length <= ENDED) return entries;
  const dropped = new Set(ended.slice(0, -ENDED));
  return entries.filter((s) => isStatement(s) || !dropped.has(deadLetterOf(s)));
}

/**
 * The register with one more statement, without those that can never decide again. It is the same register if the
 * statement is not new: an equal one is there, or one that decides everything that it decides. `again`: the payer sent
 * it before.
 */
export function withEntry(register: Register, entry: RegisterEntry, again = false): Register {
  if (!isStatement(entry)) return { ...register, said: withoutEnded([...register.said, entry]) };
  const { statements, entryOf } = known(register.said);
  const { outs, ins } = statements;
  const newest = newestOf(register);
  const added = statementIn(entry);
  if (isOptOut(added)) {
    // This opt-out comes again after an opt-in ended it. It was dropped then, and is not stored again.
    const end = endOf(added, ins)?.to;
    if (isCovered(added, outs, newest) || (again && end !== undefined && end <= newest)) return register;
  } else if (isCovered(added, ins, newest)) return register;
  const all = isOptOut(added) ? { outs: [...outs, added], ins } : { outs, ins: [...ins, added] };
  const at = later(newest, entry.at);
  const kept = backTo(folded(all, at, 0, added), new Map([...entryOf, [added, entry]]));
  return { ...register, at, said: [...register.said.filter((s) => !isStatement(s)), ...kept] };
}

/**
 * An opt-out of a row of a full file as it is stored and published: no earlier than what the register has of its row
 * from files of the same day (A71). Events of a member come in the order of their partition, but the clock of the log
 * may step back. Then an earlier withdrawal would count as later, and the opt-out would end before it began. Two of one
 * instant deny. A withdrawal is left as it is: one that seems to come first ends nothing.
 */
export function inOrderOfRow({ said }: Register, entry: RegisterEntry): RegisterEntry {
  const added = statementIn(entry);
  if (added.row === undefined || !isOptOut(added)) return entry;
  const at = said
    .filter((s) => s.data['row'] === added.row && s.data['businessTime'] === added.businessTime)
    .reduce((latest, s) => later(latest, s.at), entry.at);
  return at === entry.at ? entry : { ...entry, at };
}

/**
 * Whether a statement of the register has the same effect as one that is not new: the same providers and the same
 * effective time, or both in effect. Otherwise a newer statement decides instead.
 */
export function hasSameEffect({ said }: Register, other: RegisterEntry): boolean {
  const it = statementIn(other);
  return said
    .filter((s) => isStatement(s) && s.type === other.type)
    .map(statementIn)
    .some(
      (s) =>
        s.row === it.row &&
        (s.from === it.from || (s.from <= other.at && it.from <= other.at)) &&
        (isOptOut(s) && isOptOut(it)
          ? barsAllOf(s, it) && barsAllOf(it, s)
          : isAboutAllOf(s, it) && isAboutAllOf(it, s)),
    );
}

/** What one side lacks of the other: statements that can still decide there, and holds that nobody has ended. */
export function lacking(side: readonly Register[], other: readonly Register[]): readonly RegisterEntry[] {
  const byKey = new Map([...side, ...other].flatMap(({ said }) => said).map((s) => [keyOf(s), s]));
  const here = new Set(side.flatMap(({ said }) => said).map(keyOf));
  const { statements, entryOf } = known([...byKey.values()]);
  // The newest time that the views of either side know. The other side may have had no event since.
  const [a, b] = [side, other].map((registers) => registers.map(newestOf).reduce(later, ''));
  const needed = [...deciding(statements, a! < b! ? a! : b!)].map((s) => entryOf.get(s)!);
  const ended = new Set([...byKey.values()].filter(({ type }) => type === 'pa.access-released.v1').map(deadLetterOf));
  const holds = [...byKey.values()].filter((s) => s.type === 'pa.access-held.v1' && !ended.has(deadLetterOf(s)));
  return [...needed, ...holds].filter((s) => !here.has(keyOf(s)));
}
