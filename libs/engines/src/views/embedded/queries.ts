import { decoderOf } from '../encoding.ts';
import type { Scalar, ViewDocument } from '../projection.ts';
import { bytesOfBodies, type IdsCondition, type IdsPlan, type QueryPlan } from '../query.ts';
import type { WholeDocument } from '../store.ts';
import { decodePosition } from './positions.ts';
import { documentOf, keysOf, MOST_RANGES, type Statements } from './statements.ts';
import { bound, inside } from './values.ts';

type Row = readonly unknown[];

/** @param looked called for each use of the cache of decoded documents, with whether it was a hit */
export function documentsById(
  statements: Statements,
  ids: readonly string[],
  bodies: readonly string[],
  looked: ((kept: boolean) => void) | undefined,
): readonly (ViewDocument | undefined)[] {
  const { layout, decoded } = statements;
  const isKept = bodies.length === 0 && layout.projection.keepDecoded !== undefined;
  const select = statements.get(bodies, isKept);
  return ids.map((id) => {
    const row = select.get(id) as unknown as Row | undefined;
    if (row === undefined || !isKept) return row && documentOf(layout, row, bodies);
    return decoded.of(id, row.slice(1 + layout.parts.length), () => documentOf(layout, row, []), looked);
  });
}

export function documentsOf(statements: Statements, plan: QueryPlan): readonly ViewDocument[] {
  // `after` already implies the bound at the start of the scan, and the index needs only one start.
  const start = plan.descending ? '<' : '>';
  const needed =
    plan.after === undefined ||
    plan.bounds.some((b) => b.op[0] === start && !inside(plan.after!.values[0]!, b.op, b.value));
  const bounds = needed ? plan.bounds : plan.bounds.filter((b) => b.op[0] !== start);
  const values = [
    ...plan.equals,
    ...bounds.map((b) => b.value),
    ...(plan.after ? [...plan.after.values, plan.after.id] : []),
    ...(plan.except.length > 0 ? [JSON.stringify(plan.except)] : []),
    plan.limit,
  ].map(bound);
  const statement = statements.find(plan, needed);
  if (plan.fields === 'keys') return (statement.all(...values) as unknown as Row[]).map((row) => keysOf(row, plan));
  const decode = decoderOf(plan);
  const read = (row: Row): ViewDocument => documentOf(statements.layout, row, plan.bodies, decode)!;
  if (plan.maxBytes === Number.POSITIVE_INFINITY) return (statement.all(...values) as unknown as Row[]).map(read);
  const found: ViewDocument[] = [];
  let bytes = 0;
  // Rows that do not fit are not loaded.
  for (const row of statement.iterate(...values) as Iterable<unknown> as Iterable<Row>) {
    const document = read(row);
    found.push(document);
    bytes += bytesOfBodies(document, plan.bodies);
    if (bytes >= plan.maxBytes) break;
  }
  return found;
}

export function idsOf(statements: Statements, plan: IdsPlan): readonly string[] {
  const { equals, all, after, limit } = plan;
  // The statement takes a list as JSON.
  const given = equals.map((value) => (Array.isArray(value) ? JSON.stringify(value.map(bound)) : value)) as Scalar[];
  const rest = [...all.slice(1).flatMap((any) => partsOf(any).flat()), ...(after === undefined ? [] : [after])];
  const values = [...partsOf(all[0]!).flatMap((part) => [...part, ...given, ...rest]), limit].map(bound);
  const rows = statements.ids(plan).all(...values) as unknown as readonly (readonly [string])[];
  return rows.map(([id]) => id);
}

/** The values of each part of a condition in `Statements.ids`: a list as JSON, a key, or two bounds. */
const partsOf = ({ keys, ranges }: IdsCondition): readonly (readonly string[])[] => [
  ...(keys.length === 0 ? [] : [[keys.length === 1 ? keys[0]! : JSON.stringify(keys)]]),
  ...(ranges.length > MOST_RANGES
    ? [[JSON.stringify(ranges.map(({ gte, lt }) => [gte, lt]))]]
    : ranges.map(({ gte, lt }) => [gte, lt])),
];

/** Documents behind `after`, with all their bodies. */
export function wholeDocuments(statements: Statements, after: string): readonly WholeDocument[] {
  const { parts, projection } = statements.layout;
  const rows = statements.page(projection.bodies ?? []).all(after) as unknown as readonly Row[];
  return rows.map(([id, ...columns]) => {
    const [positions, bodies] = [columns.slice(-parts.length), columns.slice(parts.length)];
    let body = 0;
    return {
      id: id as string,
      parts: parts.map((part, n) => ({
        part: part.name,
        position: decodePosition(positions[n]),
        json: (columns[n] as string | null) ?? undefined,
        bodies: part.bodies.map(() => bodies[body++] as Uint8Array | null),
      })),
    };
  });
}
