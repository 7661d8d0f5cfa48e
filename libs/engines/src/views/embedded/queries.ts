import { decoderOf } from '../encoding.ts';
import type { DocumentVersion, IdSet, Scalar, ViewDocument } from '../projection.ts';
import { type CountPlan, type IdsPlan, isKeepable, type LoadPlan, type QueryPlan, type ValuesPlan } from '../query.ts';
import type { WholeDocument } from '../store.ts';
import type { Bound } from './elements.ts';
import { joinedDocuments, shareOf } from './joined.ts';
import { decodePosition, versionOf } from './positions.ts';
import { restored, type SharedValues } from './shared-arrays.ts';
import { documentOf, keysOf, type Statements } from './statements.ts';
import type { Layout, PartColumns } from './tables.ts';
import { bound, inside } from './values.ts';

type Row = readonly unknown[];

/** @param looked called for each use of the cache of decoded documents, with whether it was a hit */
export function documentsById(
  statements: Statements,
  given: readonly string[],
  plan: LoadPlan,
  looked: ((kept: boolean) => void) | undefined,
): readonly (ViewDocument | undefined)[] {
  const { layout, decoded } = statements;
  const { bodies, maxBytes, versions } = plan;
  const isKept = isKeepable(plan) && layout.projection.keepDecoded !== undefined;
  const decode = decoderOf(plan);
  const positions = isKept || versions;
  const columns = layout.parts.length;
  const documentOfRow = (row: Row): ViewDocument | undefined => {
    if (isKept) return decoded.of(row[0] as string, row.slice(1 + columns), () => documentOf(layout, row, []), looked);
    const document = documentOf(layout, row, bodies, decode);
    return document === undefined || !versions ? document : { ...document, _version: versionOf(row.slice(-columns)) };
  };
  // SQLite stores a text as UTF-8, so half of a surrogate pair is U+FFFD there.
  const ids = given.every((id) => id.isWellFormed()) ? given : given.map((id) => id.toWellFormed());
  if (ids.length === 1 && plan.plain !== 'left out') {
    const row = statements.get(plan, positions).get(...statements.rowIds.valuesOf(ids[0]!)) as unknown as
      Row | undefined;
    return [row && documentOfRow(row)];
  }
  const list = statements.rowIds.listOf(ids);
  if (plan.joined) return joinedById(statements, ids, list, plan);
  const select = statements.many(plan, positions);
  const found = new Map<string, ViewDocument | undefined>();
  const rows = (bodies.length > 0 && maxBytes < Number.POSITIVE_INFINITY
    ? select.iterate(list)
    : select.all(list)) as unknown as Iterable<Row>;
  let bytes = 0;
  for (const row of rows) {
    const id = row[0] as string;
    if (found.has(id)) continue;
    const document = documentOfRow(row);
    found.set(id, document);
    if (bodies.length > 0) bytes += bytesOf(row, layout);
    // The rows come in the order of the ids.
    if (bytes >= maxBytes) return ids.slice(0, ids.indexOf(id) + 1).map((each) => found.get(each));
  }
  return ids.map((id) => found.get(id));
}

function joinedById(
  statements: Statements,
  ids: readonly string[],
  list: string,
  plan: LoadPlan,
): readonly (ViewDocument | undefined)[] {
  const row = statements.joinedMany(plan).get(shareOf(plan, ids.length), list);
  const { documents, isFull } = joinedDocuments(statements, row as never, plan);
  const found = new Map(documents.map((document) => [document._id, document]));
  // The documents come in the order of the ids.
  const answered = isFull ? ids.slice(0, ids.indexOf(documents.at(-1)!._id) + 1) : ids;
  return answered.map((id) => found.get(id));
}

/** Owners whose ranges are looked at, and documents of an owner that are looked at. */
const [FEW_OWNERS, FEW_OTHERS] = [4, 128];
/** What SQLite has in place of half of a surrogate pair. */
const REPLACED = '\uFFFD';
/**
 * The documents of a set that are not plain. Most owners have none or few, so a look at the range of each owner in
 * their index takes a tenth of the time of a look for each id, as for the targets of a Provenance.
 */
export function othersOf(statements: Statements, among: IdSet, plan: LoadPlan): readonly ViewDocument[] {
  const { owners } = among;
  const byId = (ids: readonly string[]): readonly ViewDocument[] =>
    documentsById(statements, ids, plan, undefined).filter((document) => document !== undefined);
  const isFit = owners.length <= FEW_OWNERS && !statements.layout.hasFolders;
  const looked = owners.filter((owner) => !statements.withManyOthers.has(owner));
  const ranges = isFit && looked.length > 0 ? statements.others(plan, looked.length) : undefined;
  if (ranges === undefined) return byId([...new Set(among.all())]);
  // No id lies between those that begin with a slash behind the owner and the first one with the next character.
  const values = looked.flatMap((owner) => [`${owner}/`, `${owner}0`, FEW_OTHERS + 1]);
  const rows = ranges.all(...values) as unknown as readonly Row[];
  if (rows.length === 0 && looked.length === owners.length) return [];
  if (rows.some(([id]) => (id as string).includes(REPLACED))) return byId([...new Set(among.all())]);
  // Not by what is remembered, which may be forgotten below.
  const many = owners.filter((owner) => !looked.includes(owner)).map((owner) => `${owner}/`);
  for (const owner of rows.length > FEW_OTHERS ? looked : []) {
    const own = rows.filter(([id]) => (id as string).startsWith(`${owner}/`));
    if (own.length <= FEW_OTHERS) continue;
    many.push(`${owner}/`);
    statements.rememberManyOthers(owner);
  }
  const isOfMany = (id: string): boolean => many.some((owner) => id.startsWith(owner));
  const few = new Map<string, ViewDocument>();
  for (const row of rows) {
    const [id] = row as readonly [string];
    if (!isOfMany(id) && among.has(id)) few.set(id, documentOf(statements.layout, row, plan.bodies, decoderOf(plan))!);
  }
  return many.length === 0 ? [...few.values()] : [...few.values(), ...byId([...new Set(among.all())].filter(isOfMany))];
}

/** The bytes of the bodies in a row, which are behind its parts. An earlier release wrote some as text. */
function bytesOf(row: Row, { parts }: Layout): number {
  let bytes = 0;
  for (let at = 1 + parts.length; at < row.length; at++) {
    const value = row[at];
    if (value instanceof Uint8Array) bytes += value.byteLength;
    else if (typeof value === 'string') bytes += Buffer.byteLength(value);
  }
  return bytes;
}

export function documentsOf(statements: Statements, plan: QueryPlan): readonly ViewDocument[] {
  // `after` already implies the bound at the start of the scan, and the index needs only one start.
  const start = plan.descending ? '<' : '>';
  const needed =
    plan.after === undefined ||
    plan.bounds.some((b) => b.op[0] === start && !inside(plan.after!.values[0]!, b.op, b.value));
  const bounds = needed ? plan.bounds : plan.bounds.filter((b) => b.op[0] !== start);
  const equals = plan.index.array ? statements.elements(plan.index).equalValues(plan.equals) : plan.equals;
  if (equals === undefined) return [];
  const values = [
    ...equals,
    ...bounds.map((b) => b.value),
    ...(plan.after ? [...plan.after.values, plan.after.id] : []),
    ...(plan.except.length > 0 ? [JSON.stringify(plan.except)] : []),
    plan.limit,
  ].map(bound);
  const statement = statements.find(plan, needed);
  if (plan.fields === 'keys') return (statement.all(...values) as unknown as Row[]).map((row) => keysOf(row, plan));
  if (plan.joined)
    return joinedDocuments(statements, statement.get(shareOf(plan, plan.limit), ...values) as never, plan).documents;
  const decode = decoderOf(plan);
  const read = (row: Row): ViewDocument => documentOf(statements.layout, row, plan.bodies, decode)!;
  if (plan.maxBytes === Number.POSITIVE_INFINITY) return (statement.all(...values) as unknown as Row[]).map(read);
  const found: ViewDocument[] = [];
  let bytes = 0;
  // Rows that do not fit are not loaded.
  for (const row of statement.iterate(...values) as Iterable<unknown> as Iterable<Row>) {
    found.push(read(row));
    bytes += bytesOf(row, statements.layout);
    if (bytes >= plan.maxBytes) break;
  }
  return found;
}

const compared = (value: unknown): Bound => {
  const known = bound(value);
  return typeof known === 'string' ? known.toWellFormed() : known;
};

export function documentsHaving(statements: Statements, plan: ValuesPlan): readonly ViewDocument[] {
  const { index, paths, any, limit = -1 } = plan;
  const decode = decoderOf(plan);
  // The owner of an id, for each read: nothing is to be compared or put together.
  if (any.length === 1) {
    const rows = statements
      .having(index, paths, true)
      .all(...any[0]!.map(compared), limit) as unknown as readonly Row[];
    return rows.map((row) => documentOf(statements.layout, row, [], decode)!);
  }
  const lists = any.map((values) => values.map(compared));
  // A list may be there twice. Where a limit counts rows, it must go before the query.
  const asked = limit === -1 ? lists : [...new Map(lists.map((list) => [JSON.stringify(list), list])).values()];
  const rows = statements.having(index, paths, false).all(JSON.stringify(asked), limit) as unknown as readonly Row[];
  const distinct = limit !== -1 ? rows : new Map(rows.map((row) => [row[0], row])).values();
  return Array.from(distinct, (row) => documentOf(statements.layout, row, [], decode)!);
}

export function idsOf(statements: Statements, plan: IdsPlan): readonly string[] {
  const rows = statements.ids(plan).all(...idsValues(statements, plan)) as unknown as readonly (readonly [string])[];
  return rows.map(([id]) => id);
}

export function versionsOf(statements: Statements, plan: IdsPlan): readonly DocumentVersion[] {
  const values = idsValues(statements, plan);
  const rows = statements.ids(plan, true).all(...values) as unknown as readonly (readonly [string, ...Row])[];
  return rows.map(([id, ...positions]) => ({ id, version: versionOf(positions) }));
}
const idsValues = (statements: Statements, plan: IdsPlan): readonly Bound[] =>
  statements.elements(plan.index).idsValues(plan);

/**
 * Counts documents. A document has an element at most once. So the elements that a condition finds are as many as the
 * documents if all of them are equal, as those of most codes are, and SQLite does not have to compare the documents.
 */
export function countOf(statements: Statements, plan: CountPlan): ReadonlyMap<Scalar, number> {
  const values = statements.elements(plan.index).countValues(plan);
  const row = statements.countOfOne(plan)?.get(...values) as unknown as Row | undefined;
  if (row !== undefined) {
    const found = row.slice(0, -1).filter((element) => element !== null);
    const count = row.at(-1) as number;
    if (count === 0) return new Map();
    if (found.every((element) => element === found[0])) return new Map([[plan.equals[0] as Scalar, count]]);
  }
  return new Map(statements.countOfAll(plan).all(...values) as unknown as readonly (readonly [Scalar, number])[]);
}

/** Documents behind `after`, with all their bodies. */
export function wholeDocuments(statements: Statements, after: string): readonly WholeDocument[] {
  const { parts, projection } = statements.layout;
  const rows = statements.page(projection.bodies ?? [], after);
  const shared = parts.find((part) => part.shared !== undefined);
  const valuesOf = shared && statements.sharedValues(rows);
  return rows.map(([id, ...columns], n) => {
    const bodies = columns.slice(parts.length);
    const positions = bodies.slice(projection.bodies?.length ?? 0);
    let body = 0;
    return {
      id: id as string,
      parts: parts.map((part, i) => ({
        part: part.name,
        position: decodePosition(positions[i]),
        json: wholeJson(columns[i] as string | null, part, valuesOf?.(n)),
        bodies: part.bodies.map(() => bodies[body++] as Uint8Array | null),
      })),
    };
  });
}

/** The JSON of a part with what the tables of an index have of it. */
function wholeJson(json: string | null, { shared }: PartColumns, values: SharedValues | undefined): string | undefined {
  if (json === null || shared === undefined || values === undefined) return json ?? undefined;
  return JSON.stringify(restored(JSON.parse(json) as object, shared, values));
}
