import { decoderOf } from '../encoding.ts';
import type { DocumentVersion, Scalar, ViewDocument } from '../projection.ts';
import {
  bytesOfBodies,
  type CountPlan,
  type IdsCondition,
  type IdsPlan,
  isKeepable,
  type LoadPlan,
  type QueryPlan,
} from '../query.ts';
import type { WholeDocument } from '../store.ts';
import { decodePosition } from './positions.ts';
import { documentOf, keysOf, MOST_RANGES, type Statements } from './statements.ts';
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
    const row = statements.get(plan, positions).get(ids[0]!) as unknown as Row | undefined;
    return [row && documentOfRow(row)];
  }
  const select = statements.many(plan, positions);
  const list = JSON.stringify(ids);
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
    if (bodies.length > 0) bytes += bytesOfBodies(document, bodies);
    // The rows come in the order of the ids.
    if (bytes >= maxBytes) return ids.slice(0, ids.indexOf(id) + 1).map((each) => found.get(each));
  }
  return ids.map((id) => found.get(id));
}

/** See `DocumentVersion`. @param positions of the parts */
const versionOf = (positions: Row): string => positions.join(' ');

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
  const rows = statements.ids(plan).all(...valuesOf(plan)) as unknown as readonly (readonly [string])[];
  return rows.map(([id]) => id);
}

export function versionsOf(statements: Statements, plan: IdsPlan): readonly DocumentVersion[] {
  const rows = statements.ids(plan, true).all(...valuesOf(plan)) as unknown as readonly (readonly [string, ...Row])[];
  return rows.map(([id, ...positions]) => ({ id, version: versionOf(positions) }));
}

/**
 * Counts documents. A document has an element at most once. So the elements that a condition finds are as many as the
 * documents if all of them are equal, as those of most codes are, and SQLite does not have to compare the documents.
 */
export function countOf(statements: Statements, plan: CountPlan): ReadonlyMap<Scalar, number> {
  const { equals, all, limit } = plan;
  const values = countValuesOf(plan);
  const first = equals[0]!;
  if (all.length === 1 && !Array.isArray(first)) {
    const row = statements.countOfOne(plan)?.get(...values, limit) as unknown as readonly [string, string, number];
    if (row !== undefined && row[0] === row[1]) return row[2] === 0 ? new Map() : new Map([[first as Scalar, row[2]]]);
  }
  return new Map(
    statements.countOfAll(plan).all(...values, limit) as unknown as readonly (readonly [Scalar, number])[],
  );
}

/** The statement takes a list as JSON. */
const givenOf = ({ equals }: Pick<IdsPlan, 'equals'>): readonly Scalar[] =>
  equals.map((value) => (Array.isArray(value) ? JSON.stringify(value.map(bound)) : value)) as Scalar[];

function valuesOf(plan: IdsPlan): (string | number | null)[] {
  const { all, after, limit } = plan;
  const given = givenOf(plan);
  const rest = [...all.slice(1).flatMap((any) => partsOf(any).flat()), ...(after === undefined ? [] : [after])];
  return [...partsOf(all[0]!).flatMap((part) => [...part, ...given, ...rest]), limit].map(bound);
}

function countValuesOf(plan: CountPlan): (string | number | null)[] {
  const { all, none, except } = plan;
  const given = givenOf(plan);
  const rest = [
    ...all.slice(1).flatMap((any) => partsOf(any).flat()),
    ...(none.length === 0 ? [] : [...given, JSON.stringify(none)]),
    ...(except.length === 0 ? [] : [JSON.stringify(except)]),
  ];
  return partsOf(all[0]!)
    .flatMap((part) => [...part, ...given, ...rest])
    .map(bound);
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
