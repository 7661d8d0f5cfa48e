import { createHash } from 'node:crypto';
import { type AccessHeld, type OptedIn, type OptedOut, type ProviderKey } from '@provider-access/events';
import {
  barsAllOf,
  deciding,
  endOf,
  folded,
  isCovered,
  type OptIn,
  type OptOut,
  type Statements,
} from '@provider-access/facts';
import { derivedEventId } from '@provider-access/intake';

/** One thing said about a member's consent, without the member: it is published under every id of the person. */
export interface Said {
  readonly type: 'pa.opted-out.v1' | 'pa.opted-in.v1' | 'pa.access-held.v1' | 'pa.access-released.v1';
  readonly cause: { readonly id: string; readonly source: string; readonly traceparent?: string | undefined };
  /** RFC 3339 instant. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
  /**
   * Hash of what the payer's event says: the same id with another content is a fault. Absent where it was remembered by
   * a version without it.
   */
  readonly content?: string;
}
/**
 * What can still decide of what was said under one member id, the holds that are open or ended lately, and the ids that
 * are the same person.
 */
export interface Register {
  readonly links: readonly string[];
  readonly said: readonly Said[];
  /** When the newest statement reached us, dropped ones included. RFC 3339 instant. */
  readonly at?: string;
}
export const EMPTY: Register = { links: [], said: [] };

/** In place of several sources. */
const OURS = 'urn:provider-access:consent';
const isStatement = ({ type }: Said): boolean => type === 'pa.opted-out.v1' || type === 'pa.opted-in.v1';
const later = (a: string, b: string): string => (a > b ? a : b);

/** Two of the same key are one. */
export const keyOf = (s: Said): string => JSON.stringify([s.type, s.cause.source, s.cause.id]);
/** A short name of an event of a payer about a member. */
export const eventName = (member: string, { id, source }: Said['cause']): string =>
  createHash('sha256')
    .update(JSON.stringify([source, id, member]))
    .digest('base64url');
const newestOf = ({ at = '', said }: Register): string =>
  said.reduce((newest, s) => (isStatement(s) ? later(newest, s.at) : newest), at);

/** A statement as the facts fold it: they compare sources by the mark of an event id. */
function statementOf({ cause, at, data }: Said): OptIn | OptOut {
  const { effective, businessTime, scope, targets } = data as unknown as OptedIn & Partial<OptedOut>;
  const common: OptIn = { e: derivedEventId(cause, ''), b: businessTime, f: effective, r: at };
  return scope === undefined
    ? common
    : { ...common, sc: scope, ...(targets !== undefined && { tg: targets as ProviderKey[] }) };
}
const isOptOut = (s: OptIn): s is OptOut => 'sc' in s;

interface Known {
  readonly statements: Statements;
  readonly saidOf: ReadonlyMap<OptIn, Said>;
}
function known(said: readonly Said[]): Known {
  const saidOf = new Map(said.filter(isStatement).map((s) => [statementOf(s), s]));
  const all = [...saidOf.keys()];
  return { statements: { outs: all.filter(isOptOut), ins: all.filter((s) => !isOptOut(s)) }, saidOf };
}
/**
 * The register's form of the one opt-out that replaces many (`MOST`). No event of a payer says it, so its source is
 * ours.
 */
function standIn({ e, b, f, r, sc }: OptOut): Said {
  return {
    type: 'pa.opted-out.v1',
    cause: { id: e, source: OURS },
    at: r,
    data: { scope: sc, effective: f, businessTime: b, setBy: 'member' },
  };
}
const backTo = ({ outs, ins }: Statements, saidOf: ReadonlyMap<OptIn, Said>): readonly Said[] => [
  ...outs.map((o) => saidOf.get(o) ?? standIn(o)),
  ...ins.map((i) => saidOf.get(i)!),
];

const deadLetterOf = ({ data }: Said): string => (data as unknown as AccessHeld).deadLetter;
/** So many ended holds are remembered, so that one that is told again does not come back. */
const ENDED = 8;
/** Without the holds that ended longest ago, and their ends. */
function withoutEnded(said: readonly Said[]): readonly Said[] {
  const ended = said.filter(({ type }) => type === 'pa.access-released.v1').map(deadLetterOf);
  if (ended.length <= ENDED) return said;
  const dropped = new Set(ended.slice(0, -ENDED));
  return said.filter((s) => isStatement(s) || !dropped.has(deadLetterOf(s)));
}

/**
 * The register with one thing more, without the statements that can never decide again; the same register when the
 * statement is nothing new: an equal one is there, or one that decides whatever it decides. `again`: the payer sent it
 * before.
 */
export function withSaid(register: Register, said: Said, again = false): Register {
  if (!isStatement(said)) return { ...register, said: withoutEnded([...register.said, said]) };
  const { statements, saidOf } = known(register.said);
  const { outs, ins } = statements;
  const newest = newestOf(register);
  const added = statementOf(said);
  if (isOptOut(added)) {
    // An opt-out that comes again after an opt-in has ended it was dropped then, and is not stored again.
    const end = endOf(added, ins)?.to;
    if (isCovered(added, outs, newest) || (again && end !== undefined && end <= newest)) return register;
  } else if (isCovered(added, ins, newest)) return register;
  const all = isOptOut(added) ? { outs: [...outs, added], ins } : { outs, ins: [...ins, added] };
  const at = later(newest, said.at);
  const kept = backTo(folded(all, at, 0, added), new Map([...saidOf, [added, said]]));
  return { ...register, at, said: [...register.said.filter((s) => !isStatement(s)), ...kept] };
}

/**
 * Whether a statement of the register says the same as one that is nothing new: of the same providers, and with the
 * same time of effect, or in effect as well. Otherwise a newer statement decides in its place.
 */
export function saysSame({ said }: Register, other: Said): boolean {
  const it = statementOf(other);
  return said
    .filter((s) => isStatement(s) && s.type === other.type)
    .map(statementOf)
    .some(
      (s) =>
        (s.f === it.f || (s.f <= other.at && it.f <= other.at)) &&
        (!isOptOut(s) || !isOptOut(it) || (barsAllOf(s, it) && barsAllOf(it, s))),
    );
}

/**
 * What of the one side the other side lacks: statements that can still decide there, and holds that nobody has ended.
 */
export function lacking(side: readonly Register[], other: readonly Register[]): readonly Said[] {
  const byKey = new Map([...side, ...other].flatMap(({ said }) => said).map((s) => [keyOf(s), s]));
  const here = new Set(side.flatMap(({ said }) => said).map(keyOf));
  const { statements, saidOf } = known([...byKey.values()]);
  // What the views of either side know by now: the other may have heard of nothing since.
  const [a, b] = [side, other].map((registers) => registers.map(newestOf).reduce(later, ''));
  const needed = [...deciding(statements, a! < b! ? a! : b!)].map((s) => saidOf.get(s)!);
  const ended = new Set([...byKey.values()].filter(({ type }) => type === 'pa.access-released.v1').map(deadLetterOf));
  const holds = [...byKey.values()].filter((s) => s.type === 'pa.access-held.v1' && !ended.has(deadLetterOf(s)));
  return [...needed, ...holds].filter((s) => !here.has(keyOf(s)));
}
