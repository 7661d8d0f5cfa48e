import { BoundedMap } from '@provider-access/kernel';
import { decoderOf } from '../encoding.ts';
import type { FindQuery, IdsQuery, Projection, Scalar, ViewDocument } from '../projection.ts';
import { type IdsCondition, planIds, planQuery } from '../query.ts';
import type { Build } from '../store.ts';
import type { Connection } from './connection.ts';
import { documentOf, indexedDocumentOf, MOST_RANGES, type Statements } from './statements.ts';
import { bound, inside } from './values.ts';

export class Queries {
  readonly #connection: Connection;
  readonly #looked: (kept: boolean) => void;

  /** @param looked called for each use of the cache of decoded documents, with whether it was a hit */
  constructor(connection: Connection, looked: (kept: boolean) => void) {
    this.#connection = connection;
    this.#looked = looked;
  }

  getMany(
    projection: Projection,
    ids: readonly string[],
    bodies: readonly string[],
  ): readonly (ViewDocument | undefined)[] {
    const statements = this.#connection.of(projection, 'live');
    if (statements === undefined) return ids.map(() => undefined);
    this.#connection.beginReading();
    const keep = bodies.length === 0 ? (projection.keepDecoded ?? 0) : 0;
    if (keep > 0) return ids.map((id) => this.#decoded(statements, id, keep));
    const select = statements.get(bodies);
    return ids.map((id) => {
      const row = select.get(id) as unknown as readonly unknown[] | undefined;
      return row && documentOf(statements.layout, row, bodies);
    });
  }

  /** A decoded document, from the cache if the positions of all its parts are unchanged, else from the file. */
  #decoded(statements: Statements, id: string, keep: number): ViewDocument | undefined {
    const row = statements.getWithPositions().get(id) as unknown as readonly unknown[] | undefined;
    if (row === undefined) return undefined;
    const { layout } = statements;
    const decoded = (statements.decoded ??= new BoundedMap(keep));
    const first = 1 + layout.parts.length;
    const known = decoded.get(id);
    const kept = known !== undefined && layout.parts.every((_, i) => known.positions[i] === row[first + i]);
    this.#looked(kept);
    if (kept) return known.document;
    const document = documentOf(layout, row, []);
    decoded.delete(id);
    if (document === undefined) return undefined;
    decoded.set(id, { positions: row.slice(first), document });
    return document;
  }

  find(projection: Projection, query: FindQuery): readonly ViewDocument[] {
    const asked = planQuery(projection, query);
    const statements = this.#connection.of(projection, 'live');
    if (statements === undefined) return [];
    const plan =
      asked.indexedOnly && (!statements.layout.flat || asked.index.array) ? { ...asked, indexedOnly: false } : asked;
    this.#connection.beginReading();
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
    const rows = statements.find(plan, needed).all(...values) as unknown as readonly (readonly unknown[])[];
    const { layout } = statements;
    if (plan.indexedOnly) return rows.map((row) => indexedDocumentOf(layout, row, plan.bodies));
    const decode = decoderOf(plan);
    return rows.map((row) => documentOf(layout, row, plan.bodies, decode)!);
  }

  ids(projection: Projection, query: IdsQuery): readonly string[] {
    const plan = planIds(projection, query);
    const statements = this.#connection.of(projection, 'live');
    if (statements === undefined) return [];
    this.#connection.beginReading();
    const { equals, all, after, limit } = plan;
    // The statement takes a list as JSON.
    const given = equals.map((value) => (Array.isArray(value) ? JSON.stringify(value.map(bound)) : value)) as Scalar[];
    const rest = [...all.slice(1).flatMap((any) => partsOf(any).flat()), ...(after === undefined ? [] : [after])];
    const values = [...partsOf(all[0]!).flatMap((part) => [...part, ...given, ...rest]), limit].map(bound);
    const rows = statements.ids(plan).all(...values) as unknown as readonly (readonly [string])[];
    return rows.map(([id]) => id);
  }

  count(projection: Projection, build: Build): number {
    const row = this.#connection.of(projection, build)?.count().get() as unknown as readonly number[] | undefined;
    return row?.[0] ?? 0;
  }
}

/** The values of each part of a condition in `Statements.ids`: a list as JSON, a key, or two bounds. */
const partsOf = ({ keys, ranges }: IdsCondition): readonly (readonly string[])[] => [
  ...(keys.length === 0 ? [] : [[keys.length === 1 ? keys[0]! : JSON.stringify(keys)]]),
  ...(ranges.length > MOST_RANGES
    ? [[JSON.stringify(ranges.map(({ gte, lt }) => [gte, lt]))]]
    : ranges.map(({ gte, lt }) => [gte, lt])),
];
