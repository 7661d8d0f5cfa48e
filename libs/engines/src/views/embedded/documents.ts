import { groupsOf } from '../../log/embedded/index.ts';
import { encodePart, isNewer, samePosition } from '../encoding.ts';
import { fieldOf } from '../query.ts';
import type { PartPosition, StoredPart, ViewOp } from '../store.ts';
import { decodePosition, encodePosition, packed } from './positions.ts';
import { restored, type SharedArray, sharedArrayOf, withoutShared } from './shared-arrays.ts';
import { columnsOf, type StoredArray } from './shared-writes.ts';
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
  const partOf = ({ part }: ViewOp): PartColumns => statements.layout.partByName.get(part)!;
  const probablyNew = ops.filter((op) => isProbablyNew(partOf(op), op));
  const added = new Set<ViewOp>();
  for (const [part, some] of Map.groupBy(probablyNew, partOf))
    for (const together of groups(part, some)) for (const op of insert(statements, part, together)) added.add(op);
  const lost: string[] = [];
  if (added.size < ops.length) {
    const known = new Set(probablyNew);
    for (const op of ops) if (!added.has(op) && !isWritten(statements, partOf(op), op, known.has(op))) lost.push(op.id);
  }
  statements.shared?.flush();
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

interface Encoded {
  readonly op: ViewOp;
  readonly values: readonly (string | number | null)[];
  readonly bodies: readonly (Uint8Array | undefined)[];
  readonly array: SharedArray | undefined;
}

function encoded(part: PartColumns, op: ViewOp): Encoded {
  const array = part.shared && sharedArrayOf(op.value, part.shared);
  const value = array?.isWhole ? withoutShared(op.value, part.shared!) : op.value;
  const fields = part.bodies.length === 0 ? NO_FIELDS : part.bodies.map((b) => b.field);
  const { json, bodies } = value === null ? NOTHING : encodePart(value, fields);
  const values: (string | number | null)[] = [];
  for (const index of part.indexed) values.push(bound(fieldOf(op.value, index.fields)));
  values.push(json);
  return { op, values, bodies, array };
}
const NO_FIELDS: readonly string[] = [];
const NOTHING = { json: null, bodies: [] };

/** Groups of as many documents as one statement inserts. */
function* groups(part: PartColumns, ops: readonly ViewOp[]): Generator<readonly Encoded[]> {
  let group: Encoded[] = [];
  let bytes = 0;
  let most = 0;
  for (const [n, op] of ops.entries()) {
    const next = encoded(part, op);
    const own = next.bodies.reduce((sum, body) => sum + (body?.byteLength ?? 0), 0);
    if (group.length === most || bytes + own > MOST_BYTES) {
      if (group.length > 0) yield* pieces(group, most);
      [group, bytes] = [[], 0];
      most = ops.length - n >= MANY_DOCUMENTS ? MANY_DOCUMENTS : MOST_DOCUMENTS;
    }
    group.push(next);
    bytes += own;
  }
  if (group.length > 0) yield* pieces(group, most);
}

/** A group that its bytes ended has any number of documents. */
function* pieces(group: readonly Encoded[], most: number): Generator<readonly Encoded[]> {
  if (group.length === most) yield group;
  else for (let at = 0; at < group.length; at += MOST_DOCUMENTS) yield group.slice(at, at + MOST_DOCUMENTS);
}

/** @returns the operations whose documents were not there */
function insert(statements: Statements, part: PartColumns, group: readonly Encoded[]): readonly ViewOp[] {
  const { shared } = statements;
  const numbers: (number | null)[] = [];
  const stored: (StoredArray | undefined)[] = [];
  const rows: (string | number | null)[] = [];
  for (const { op, values, array } of group) {
    const number = statements.nextBody();
    numbers.push(number);
    rows.push(number);
    const taken = shared?.take(op.id, array);
    stored.push(taken?.stored);
    if (taken === undefined) rows.push(op.id);
    else rows.push(...taken.id);
    rows.push(packed(op.partition, op.offset)!);
    for (const value of values) rows.push(value);
    if (part.shared !== undefined) rows.push(...columnsOf(taken?.stored));
  }
  const isNew = inserted(statements, part, group, rows);
  const added = group.flatMap(({ op, bodies }, i) => {
    if (isNew(op.id, numbers[i]!)) return [{ op, bodies, number: numbers[i]!, stored: stored[i] }];
    shared?.drop(stored[i]);
    return [];
  });
  if (added.length === 0) return [];
  if (part.bodies.length > 0) {
    const values = added.flatMap(({ number, bodies }) => [number, ...part.bodies.map((_, i) => bodies[i] ?? null)]);
    statements.insertBodies(part, added.length).run(...values);
  }
  shared?.add(added);
  part.arrays.forEach(({ paths }, n) => {
    const elements = added.flatMap(({ op }) => elementsOf(op.value, paths).map((element) => [...element, op.id]));
    addElements(statements, part, n, elements);
  });
  return added.map(({ op }) => op);
}

/** Inserts rows. @returns what tells, once for each document in turn, whether it was not there */
function inserted(
  statements: Statements,
  part: PartColumns,
  { length }: readonly Encoded[],
  rows: readonly (string | number | null)[],
): (id: string, number: number | null) => boolean {
  const statement = statements.insert(part, length);
  if (!statements.isNumbered) {
    const ids = new Set((statement.all(...rows) as unknown as readonly (readonly [string])[]).map(([id]) => id));
    return (id) => ids.delete(id.toWellFormed());
  }
  const { changes } = statement.run(...rows);
  if (changes === 0 || changes === length) return () => changes !== 0;
  return (id, number) => {
    const found = statements.number().get(...statements.rowIds.valuesOf(id)) as unknown as readonly [number];
    return found[0] === number;
  };
}

/** False if the part has changed since `base`. @param there whether the document was found to exist */
function isWritten(statements: Statements, part: PartColumns, op: ViewOp, there: boolean): boolean {
  const { values, bodies, array } = encoded(part, op);
  const put = (onConflict: OnConflict, position: number | string): boolean =>
    isPut(statements, part, onConflict, { id: op.id, values: [position, ...values], bodies, array });
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
  { id, values, bodies, array }: Pick<Encoded, 'values' | 'bodies' | 'array'> & { readonly id: string },
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

const writeBodies = (
  statements: Statements,
  part: PartColumns,
  number: number | null,
  bodies: readonly (Uint8Array | undefined)[],
): void => void statements.upsertBodies(part).run(number, ...part.bodies.map((_, i) => bodies[i] ?? null));

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
