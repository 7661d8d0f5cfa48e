import { encodePart, isNewer, samePosition } from '../encoding.ts';
import { fieldOf } from '../query.ts';
import type { StoredPart, ViewOp } from '../store.ts';
import { decodePosition, encodePosition, packed } from './positions.ts';
import type { OnConflict, Statements } from './statements.ts';
import type { PartColumns } from './tables.ts';
import { bound } from './values.ts';

export function partsOf(statements: Statements, name: string, ids: readonly string[]): ReadonlyMap<string, StoredPart> {
  const part = statements.layout.partByName.get(name)!;
  const select = statements.part(part);
  const found = new Map<string, StoredPart>();
  for (const id of ids) {
    const row = select.get(id) as unknown as readonly unknown[] | undefined;
    if (row === undefined || row[0] === null) continue;
    const value = row[1] === null ? null : (JSON.parse(row[1] as string) as Record<string, unknown>);
    if (value !== null) part.bodies.forEach((b, i) => row[i + 2] !== null && (value[b.field] = row[i + 2]));
    found.set(id, { value, position: decodePosition(row[0]) });
  }
  return found;
}

/** Writes parts within the caller's transaction. @returns ids of documents whose part has changed since `base` */
export const writeParts = (statements: Statements, ops: readonly ViewOp[]): string[] =>
  ops.filter((op) => !isWritten(statements, statements.layout.partByName.get(op.part)!, op)).map((op) => op.id);

/** False if the part has changed since `base`. */
function isWritten(statements: Statements, part: PartColumns, op: ViewOp): boolean {
  const fields = part.bodies.map((b) => b.field);
  const { json, bodies } = op.value === null ? { json: null, bodies: [] } : encodePart(op.value, fields);
  const values = [...part.indexed.map((i) => bound(fieldOf(op.value, i.fields))), json];
  const put = (onConflict: OnConflict, position: number | string): boolean =>
    isPut(statements, part, onConflict, [op.id, position, ...values], bodies);
  const position = packed(op.partition, op.offset);
  if (position !== undefined) {
    if (op.base === undefined && part.arrays.length === 0) {
      if (put('replace older', position)) return true;
    } else if (op.base === undefined || samePosition(op.base, {})) {
      // Most documents are new, and then nothing is to be compared or removed.
      if (put('keep', position)) {
        part.arrays.forEach(({ paths }, n) => addElements(statements, part, n, elementsOf(op.value, paths), op.id));
        return true;
      }
    }
  }
  const row = statements.position(part).get(op.id) as unknown as readonly unknown[] | undefined;
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
  values: readonly (string | number | null)[],
  bodies: readonly (Uint8Array | undefined)[],
): boolean {
  const statement = statements.write(part, onConflict);
  const fresh = statements.nextBody();
  // An inserted document has the fresh number of its bodies, a replaced one has its own.
  if (part.bodies.length === 0 || onConflict === 'keep') {
    if (statement.run(fresh, ...values).changes === 0) return false;
    if (part.bodies.length > 0) writeBodies(statements, part, fresh, bodies);
    return true;
  }
  const row = statement.get(fresh, ...values) as unknown as readonly [number] | undefined;
  if (row === undefined) return false;
  writeBodies(statements, part, row[0], bodies);
  return true;
}

const writeBodies = (
  statements: Statements,
  part: PartColumns,
  number: number | null,
  bodies: readonly (Uint8Array | undefined)[],
): void => void statements.upsertBodies(part).run(number, ...part.bodies.map((_, i) => bodies[i] ?? null));

type Values = readonly (string | number)[];

/** Each number of rows is a statement that stays prepared. */
const ROWS = 8;

/** Writes the rows of an array index, several with one statement. */
function addElements(
  statements: Statements,
  part: PartColumns,
  n: number,
  elements: readonly Values[],
  id: string,
): void {
  for (let at = 0; at < elements.length; at += ROWS) {
    const some = elements.slice(at, at + ROWS);
    statements.addElements(part, n, some.length).run(...some.flatMap((element) => [...element, id]));
  }
}

function replaceElements(statements: Statements, part: PartColumns, { id, value }: ViewOp, old: unknown): void {
  part.arrays.forEach(({ paths }, n) => {
    const [before, now] = [byContent(elementsOf(old, paths)), byContent(elementsOf(value, paths))];
    for (const [key, values] of before) if (!now.has(key)) statements.removeElement(part, n).run(...values, id);
    const added = [...now].flatMap(([key, values]) => (before.has(key) ? [] : [values]));
    addElements(statements, part, n, added, id);
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
