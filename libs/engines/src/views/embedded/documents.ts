import { encodePart, isNewer, samePosition } from '../encoding.ts';
import type { Projection } from '../projection.ts';
import { fieldOf } from '../query.ts';
import type { Build, StoredPart, ViewOp } from '../store.ts';
import type { Connection } from './connection.ts';
import { decodePosition, encodePosition, packed } from './positions.ts';
import type { Statements } from './statements.ts';
import type { PartColumns } from './tables.ts';
import { bound } from './values.ts';

/** Writes parts of documents, each with its position. */
export class Documents {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  parts(
    projection: Projection,
    build: Build,
    partName: string,
    ids: readonly string[],
  ): ReadonlyMap<string, StoredPart> {
    const statements = this.#connection.of(projection, build)!;
    const part = statements.layout.partByName.get(partName)!;
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

  /** Writes within the caller's transaction. @returns ids of documents whose part has changed since `base` */
  write(statements: Statements, ops: readonly ViewOp[]): string[] {
    return ops
      .filter((op) => !this.#write(statements, statements.layout.partByName.get(op.part)!, op))
      .map((op) => op.id);
  }

  /** False if the part has changed since `base`. */
  #write(statements: Statements, part: PartColumns, op: ViewOp): boolean {
    const encoded =
      op.value === null
        ? undefined
        : encodePart(
            op.value,
            part.bodies.map((b) => b.field),
          );
    const values = [...part.indexed.map((i) => bound(fieldOf(op.value, i.fields))), encoded?.json ?? null];
    const position = packed(op.partition, op.offset);
    if (position !== undefined) {
      const row = [op.id, position, ...values];
      if (op.base === undefined && part.arrays.length === 0) {
        if (this.#upsert(statements, part, true, row, encoded?.bodies)) return true;
      } else if (op.base === undefined || samePosition(op.base, {})) {
        // Most documents are new, and then nothing is to be compared or removed.
        if (this.#insert(statements, part, row, encoded?.bodies)) {
          part.arrays.forEach(({ paths }, n) => addElements(statements, part, n, elementsOf(op.value, paths), op.id));
          return true;
        }
      }
    }
    const row = statements.position(part).get(op.id) as unknown as readonly unknown[] | undefined;
    const before = decodePosition(row?.[0]);
    if (!isNewer(before, op.partition, op.offset)) return true;
    if (op.base !== undefined && !samePosition(op.base, before)) return false;
    this.#upsert(
      statements,
      part,
      false,
      [op.id, encodePosition({ ...before, [op.partition]: op.offset }), ...values],
      encoded?.bodies,
    );
    if (part.arrays.length > 0) {
      const json = row?.[1] as string | null | undefined;
      const old = json === null || json === undefined ? undefined : (JSON.parse(json) as unknown);
      part.arrays.forEach(({ paths }, n) => {
        const [before, now] = [byContent(elementsOf(old, paths)), byContent(elementsOf(op.value, paths))];
        for (const [key, values] of before) if (!now.has(key)) statements.removeElement(part, n).run(...values, op.id);
        const added = [...now].flatMap(([key, values]) => (before.has(key) ? [] : [values]));
        addElements(statements, part, n, added, op.id);
      });
    }
    return true;
  }

  /** False if there is such a document. */
  #insert(
    statements: Statements,
    part: PartColumns,
    values: readonly (string | number | null)[],
    bodies: readonly (Uint8Array | undefined)[] = [],
  ): boolean {
    const fresh = statements.nextBody();
    if (statements.insert(part).run(fresh, ...values).changes === 0) return false;
    if (part.bodies.length > 0)
      statements.upsertBodies(part).run(fresh, ...part.bodies.map((_, i) => bodies[i] ?? null));
    return true;
  }

  /** False if a stored position is not older. */
  #upsert(
    statements: Statements,
    part: PartColumns,
    conditional: boolean,
    values: readonly (string | number | null)[],
    bodies: readonly (Uint8Array | undefined)[] = [],
  ): boolean {
    const upsert = statements.upsert(part, conditional);
    const fresh = statements.nextBody();
    if (part.bodies.length === 0) return upsert.run(fresh, ...values).changes !== 0;
    const row = upsert.get(fresh, ...values) as unknown as readonly [number] | undefined;
    if (row === undefined) return false;
    statements.upsertBodies(part).run(row[0], ...part.bodies.map((_, i) => bodies[i] ?? null));
    return true;
  }
}

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
