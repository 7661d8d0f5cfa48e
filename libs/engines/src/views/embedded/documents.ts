import { groupsOf } from '../../log/embedded/index.ts';
import { encodePart, isNewer, samePosition } from '../encoding.ts';
import { fieldOf } from '../query.ts';
import type { PartPosition, StoredPart, ViewOp } from '../store.ts';
import { decodePosition, encodePosition, packed } from './positions.ts';
import { restored, type SharedArray, sharedArrayOf, withoutShared } from './shared-arrays.ts';
import { pushColumns, type SharedWrites, type StoredArray } from './shared-writes.ts';
import type { Statements } from './statements.ts';
import type { PartColumns } from './tables.ts';
import { bound } from './values.ts';
import type { OnConflict } from './write-statements.ts';

export function partsOf(statements: Statements, name: string, ids: readonly string[]): ReadonlyMap<string, StoredPart> {
  const part = statements.layout.partByName.get(name)!;
  const found = new Map<string, StoredPart>();
  for (const some of groupsOf(ids, MOST_LOADED)) {
    // As the engine returns them.
    const asked = new Map(some.map((id) => [id.toWellFormed(), id]));
    const rows = statements.parts(part, some);
    const valuesOf = part.shared && statements.sharedValues(rows);
    for (const [n, [id, position, json, ...bodies]] of rows.entries()) {
      if (position === null) continue;
      const value = json === null ? null : (JSON.parse(json as string) as Record<string, unknown>);
      if (value !== null && part.shared !== undefined) restored(value, part.shared, valuesOf!(n));
      if (value !== null) part.bodies.forEach((b, i) => bodies[i] !== null && (value[b.field] = bodies[i]));
      found.set(asked.get(id as string)!, { value, position: decodePosition(position) });
    }
  }
  return found;
}
/** The old parts of a batch are in memory at once, so this only bounds the statements. */
const MOST_LOADED = 32;

/** Writes parts within the caller's transaction. @returns ids of documents whose part has changed since `base` */
export function writeParts(statements: Statements, ops: readonly ViewOp[]): string[] {
  const added: ViewOp[] = [];
  for (const part of statements.layout.partByName.values()) {
    const some = ops.filter((op) => op.part === part.name && isProbablyNew(part, op));
    if (some.length > 0) insertAll(statements, part, some, added);
  }
  const lost = added.length < ops.length ? writeOthers(statements, ops, new Set(added)) : [];
  statements.shared?.flush();
  return lost;
}

/** @param added operations that are written */
function writeOthers(statements: Statements, ops: readonly ViewOp[], added: ReadonlySet<ViewOp>): string[] {
  const lost: string[] = [];
  for (const op of ops) {
    if (added.has(op)) continue;
    const part = statements.layout.partByName.get(op.part)!;
    if (!isWritten(statements, part, op, isProbablyNew(part, op))) lost.push(op.id);
  }
  return lost;
}

/** Deletes documents within the caller's transaction. */
export function removeDocuments(statements: Statements, ids: readonly string[]): void {
  const { shared } = statements;
  for (const id of ids) {
    if (shared === undefined) {
      for (const statement of statements.removals()) statement.run(id);
      continue;
    }
    const row = statements.number().get(...statements.rowIds.valuesOf(id)) as unknown as readonly [number] | undefined;
    if (row === undefined) continue;
    shared.remove(row[0]);
    for (const statement of statements.removalsByNumber()) statement.run(row[0]);
    shared.dropFolder(id);
  }
  shared?.flush();
}

/** Most documents are new. Then nothing is to be compared or removed, and one statement inserts several of them. */
const isProbablyNew = (part: PartColumns, { base, partition, offset }: ViewOp): boolean =>
  packed(partition, offset) !== undefined && (base === undefined ? hasArrays(part) : isNowhere(base));
function isNowhere(base: PartPosition): boolean {
  for (const _partition in base) return false;
  return true;
}
const hasArrays = ({ arrays, shared }: PartColumns): boolean => arrays.length > 0 || shared !== undefined;

/** Each number of rows up to these is a statement that stays prepared. */
const [MOST_DOCUMENTS, MOST_ELEMENTS] = [16, 32];
/** So many documents are another one, because each call and each start of a statement cost. */
const MANY_DOCUMENTS = 64;
/** SQLite copies the values of a statement. */
const MOST_BYTES = 1024 * 1024;

type Column = string | number | null;

interface Encoded {
  readonly op: ViewOp;
  readonly json: string | null;
  readonly bodies: readonly (Uint8Array | undefined)[];
  readonly array: SharedArray | undefined;
  /** The number of the document, and its array as the tables have it. */
  number: number | null;
  stored: StoredArray | undefined;
}

function encoded(part: PartColumns, op: ViewOp): Encoded {
  const array = part.shared && sharedArrayOf(op.value, part.shared);
  const value = array?.isWhole ? withoutShared(op.value, part.shared!) : op.value;
  const { json, bodies } = value === null ? NOTHING : encodePart(value, part.bodyFields);
  return { op, json, bodies, array, number: null, stored: undefined };
}
const NOTHING = { json: null, bodies: [] };

/** The indexed columns and the JSON of a part. */
function pushValues(row: Column[], part: PartColumns, value: unknown, json: string | null): void {
  for (const { fields } of part.indexed) row.push(bound(fieldOf(value, fields)));
  row.push(json);
}

/**
 * Inserts documents, as many with one statement as it takes. Intake spends more on this than on anything else, so it
 * makes one object for each document and fills the values of a statement in place.
 * @param added gets the operations whose documents were not there
 */
function insertAll(statements: Statements, part: PartColumns, ops: readonly ViewOp[], added: ViewOp[]): void {
  let group: Encoded[] = [];
  let bytes = 0;
  let most = 0;
  for (let n = 0; n < ops.length; n++) {
    const next = encoded(part, ops[n]!);
    let own = 0;
    for (const body of next.bodies) own += body?.byteLength ?? 0;
    if (group.length === most || bytes + own > MOST_BYTES) {
      insertGroup(statements, part, group, most, added);
      [group, bytes] = [[], 0];
      most = ops.length - n >= MANY_DOCUMENTS ? MANY_DOCUMENTS : MOST_DOCUMENTS;
    }
    group.push(next);
    bytes += own;
  }
  insertGroup(statements, part, group, most, added);
}

/** A group that its bytes ended has any number of documents. */
function insertGroup(
  statements: Statements,
  part: PartColumns,
  group: readonly Encoded[],
  most: number,
  added: ViewOp[],
): void {
  if (group.length === most && most > 0) insert(statements, part, group, added);
  else
    for (let at = 0; at < group.length; at += MOST_DOCUMENTS)
      insert(statements, part, group.slice(at, at + MOST_DOCUMENTS), added);
}

function insert(statements: Statements, part: PartColumns, group: readonly Encoded[], added: ViewOp[]): void {
  const { shared } = statements;
  const rows: Column[] = [];
  for (const next of group) {
    const { op } = next;
    rows.push((next.number = statements.nextBody()));
    if (shared === undefined) rows.push(op.id);
    else next.stored = shared.take(op.id, next.array, rows);
    rows.push(packed(op.partition, op.offset)!);
    pushValues(rows, part, op.value, next.json);
    if (part.shared !== undefined) pushColumns(rows, next.stored);
  }
  const isNew = inserted(statements, part, group, rows);
  const fresh = isNew === true ? group : group.filter(isNew);
  if (fresh.length > 0) addRest(statements, part, fresh);
  for (const { op } of fresh) added.push(op);
  // Last, because a scope goes that no element has.
  if (shared !== undefined && fresh.length < group.length) dropOthers(shared, group, fresh);
}

/** What other tables have of new documents of one statement. */
function addRest(statements: Statements, part: PartColumns, fresh: readonly Encoded[]): void {
  if (part.bodies.length > 0) {
    const values: (number | null | Uint8Array)[] = [];
    for (const { number, bodies } of fresh) pushBodies(values, part, number, bodies);
    statements.insertBodies(part, fresh.length).run(...values);
  }
  if (part.shared !== undefined) statements.shared!.add(fresh[0]!.number!, fresh.at(-1)!.number!);
  part.arrays.forEach(({ paths }, n) => {
    const elements = fresh.flatMap(({ op }) => elementsOf(op.value, paths).map((element) => [...element, op.id]));
    addElements(statements, part, n, elements);
  });
}

/** Those that were there keep their arrays. */
function dropOthers(shared: SharedWrites, group: readonly Encoded[], fresh: readonly Encoded[]): void {
  const kept = new Set(fresh);
  for (const next of group) if (!kept.has(next)) shared.drop(next.stored);
}

/** Inserts rows. @returns true if no document was there. Otherwise what tells it, once for each document in turn */
function inserted(
  statements: Statements,
  part: PartColumns,
  { length }: readonly Encoded[],
  rows: readonly Column[],
): true | ((document: Encoded) => boolean) {
  const statement = statements.insert(part, length);
  if (!statements.isNumbered) {
    const found = statement.all(...rows) as unknown as readonly (readonly [string])[];
    if (found.length === length) return true;
    const ids = new Set(found.map(([id]) => id));
    return ({ op }) => ids.delete(op.id.toWellFormed());
  }
  const { changes } = statement.run(...rows);
  if (changes === length) return true;
  if (changes === 0) return () => false;
  return ({ op, number }) => {
    const found = statements.number().get(...statements.rowIds.valuesOf(op.id)) as unknown as readonly [number];
    return found[0] === number;
  };
}

/** False if the part has changed since `base`. @param there whether the document was found to exist */
function isWritten(statements: Statements, part: PartColumns, op: ViewOp, there: boolean): boolean {
  const { json, bodies, array } = encoded(part, op);
  const put = (onConflict: OnConflict, position: number | string): boolean => {
    const values: Column[] = [position];
    pushValues(values, part, op.value, json);
    return isPut(statements, part, onConflict, { id: op.id, values, bodies, array });
  };
  const position = packed(op.partition, op.offset);
  if (!there && position !== undefined && op.base === undefined && put('replace older', position)) return true;
  const found = statements.position(part).get(...statements.rowIds.valuesOf(op.id));
  const row = found as unknown as readonly unknown[] | undefined;
  const before = decodePosition(row?.[0]);
  if (!isNewer(before, op.partition, op.offset)) return true;
  if (op.base !== undefined && !samePosition(op.base, before)) return false;
  put('replace', encodePosition({ ...before, [op.partition]: op.offset }));
  if (part.arrays.length > 0) {
    const old = row?.[1] as string | null | undefined;
    replaceElements(statements, part, op, old === null || old === undefined ? undefined : JSON.parse(old));
  }
  return true;
}

/** False if the stored part stays. */
function isPut(
  statements: Statements,
  part: PartColumns,
  onConflict: OnConflict,
  {
    id,
    values,
    bodies,
    array,
  }: Pick<Encoded, 'bodies' | 'array'> & { readonly id: string; readonly values: readonly Column[] },
): boolean {
  const statement = statements.write(part, onConflict);
  const fresh = statements.nextBody();
  const stored = statements.storedId(id);
  if (!statements.isNumbered) return statement.run(fresh, ...stored, ...values).changes !== 0;
  // An inserted document has the fresh number, a replaced one has its own.
  const row = statement.get(fresh, ...stored, ...values) as unknown as readonly [number] | undefined;
  if (row === undefined) return false;
  const [number] = row;
  if (part.bodies.length > 0) writeBodies(statements, part, number, bodies);
  if (part.shared !== undefined) statements.shared!.replace(number, array);
  return true;
}

function writeBodies(
  statements: Statements,
  part: PartColumns,
  number: number | null,
  bodies: readonly (Uint8Array | undefined)[],
): void {
  const values: (number | null | Uint8Array)[] = [];
  pushBodies(values, part, number, bodies);
  statements.upsertBodies(part).run(...values);
}
function pushBodies(
  values: (number | null | Uint8Array)[],
  part: PartColumns,
  number: number | null,
  bodies: readonly (Uint8Array | undefined)[],
): void {
  values.push(number);
  for (let i = 0; i < part.bodies.length; i++) values.push(bodies[i] ?? null);
}

type Values = readonly (string | number)[];

/** Writes rows of an array index, each with the id of its document, several with one statement. */
function addElements(statements: Statements, part: PartColumns, n: number, rows: readonly Values[]): void {
  for (let at = 0; at < rows.length; at += MOST_ELEMENTS) {
    const some = rows.slice(at, at + MOST_ELEMENTS);
    statements.addElements(part, n, some.length).run(...some.flat());
  }
}

function replaceElements(statements: Statements, part: PartColumns, { id, value }: ViewOp, old: unknown): void {
  part.arrays.forEach(({ paths }, n) => {
    const [before, now] = [byContent(elementsOf(old, paths)), byContent(elementsOf(value, paths))];
    for (const [key, values] of before) if (!now.has(key)) statements.removeElement(part, n).run(...values, id);
    const added = [...now].flatMap(([key, values]) => (before.has(key) ? [] : [[...values, id]]));
    addElements(statements, part, n, added);
  });
}

/** The rows of an array index for a part, without the id. A row may be there twice. */
function elementsOf(value: unknown, paths: readonly (readonly string[])[]): readonly Values[] {
  const found = paths.map((fields) => fieldOf(value, fields));
  const elements = found.pop();
  const prefix = found.map(bound);
  if (!Array.isArray(elements) || prefix.includes(null)) return [];
  return elements
    .map(bound)
    .filter((element) => element !== null)
    .map((element) => [...prefix, element] as Values);
}

const byContent = (rows: readonly Values[]): ReadonlyMap<string, Values> =>
  new Map(rows.map((values) => [JSON.stringify(values), values]));
