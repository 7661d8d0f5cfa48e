import type { StatementSync } from 'node:sqlite';
import type { IndexDefinition, ViewDocument } from '../projection.ts';
import {
  type CountPlan,
  type IdsCondition,
  type IdsPlan,
  type LoadPlan,
  type QueryPlan,
  setField,
  splitPath,
} from '../query.ts';
import { arrayTable, bodyTable, isPlain, type Layout, othersIndex, type PartColumns, quoted } from './tables.ts';
import { WriteStatements } from './write-statements.ts';

/**
 * More ranges of one condition are a list in JSON. SQLite takes at most 500 parts of a UNION, and each number of parts
 * is another statement.
 */
export const MOST_RANGES = 8;

type Loaded = Pick<LoadPlan, 'bodies' | 'plain'>;
const keyOf = ({ bodies, plain }: Loaded): string => `${bodies.join()}/${plain}`;

interface ElementsPart {
  readonly from: string;
  readonly where: string;
}
const inList = (value: string): string => `${value} IN (SELECT value FROM json_each(?))`;
/** The conditions on the fields in front of an array. */
const prefixOf = ({ fields }: IndexDefinition, alias: string, lists: boolean): readonly string[] =>
  fields.slice(0, -1).map((_, i) => (lists && i === 0 ? inList(`${alias}k${i}`) : `${alias}k${i} = ?`));
/** What tells the statements of queries for ids apart. */
const shapeOf = ({ index, equals, all }: Omit<IdsPlan, 'limit'>): string => {
  const shapes = all.map(
    ({ keys, ranges }) => `${Math.min(keys.length, 2)}.${Math.min(ranges.length, MOST_RANGES + 1)}`,
  );
  return `${index.name}/${Array.isArray(equals[0])}/${shapes.join('/')}`;
};
const countShapeOf = (plan: CountPlan): string => `${shapeOf(plan)}/${plan.none.length > 0}/${plan.except.length > 0}`;

/** The prepared statements of one build. */
export class Statements extends WriteStatements {
  /** _id, position, JSON, bodies of a part, of those of `count` documents that exist. */
  parts(part: PartColumns, count: number): StatementSync {
    return this.prepare(`parts/${part.n}/${count}`, () => {
      const columns = ['t._id', `t.p${part.n}`, `t.d${part.n}`, ...part.bodies.map((b) => `b.${b.column}`)];
      const from = `${this.table} t${this.#joined(part.bodies.length > 0)}`;
      return `SELECT ${columns.join(', ')} FROM ${from} WHERE t._id IN (?${', ?'.repeat(count - 1)})`;
    });
  }

  /** @param only SQL: the documents whose bodies are read. Nobody looks for the bodies of the others. */
  #selected(bodies: readonly string[], only?: string): string {
    const wanted = this.layout.parts.flatMap((p) => p.bodies.filter((b) => bodies.includes(b.path)));
    const bodyOf = (column: string): string =>
      only === undefined
        ? `b.${column}`
        : `CASE WHEN ${only} THEN (SELECT ${column} FROM ${quoted(bodyTable(this.physical))} WHERE body = t.body) END`;
    return ['t._id', ...this.layout.parts.map((p) => `t.d${p.n}`), ...wanted.map((b) => bodyOf(b.column))].join(', ');
  }

  #joined(bodies: boolean): string {
    return bodies ? ` LEFT JOIN ${quoted(bodyTable(this.physical))} b ON b.body = t.body` : '';
  }

  /** A document by id. `positions` adds those of the parts. */
  get(load: Loaded, positions: boolean): StatementSync {
    return this.prepare(`get/${keyOf(load)}/${positions}`, () => `${this.#select(load, positions)} WHERE t._id = ?`);
  }

  /** The documents of a list of ids (JSON), in their order. */
  many(load: Loaded, positions: boolean): StatementSync {
    return this.prepare(`many/${keyOf(load)}/${positions}`, () => {
      const others = load.plain === 'left out' ? othersIndex(this.layout, this.physical) : undefined;
      // A build of an earlier release gets the index at the next start, and until then the same answer without it.
      const by = others !== undefined && this.#exists(others.name) ? ` INDEXED BY ${quoted(others.name)}` : '';
      // CROSS JOIN keeps the list as the outer loop.
      const from = `json_each(?) j CROSS JOIN ${this.table} t${by} ON t._id = j.value`;
      return `${this.#select(load, positions, from)}${others === undefined ? '' : ` WHERE ${others.condition('t.')}`}`;
    });
  }

  #exists(name: string): boolean {
    return this.db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(name) !== undefined;
  }

  /** Documents with bodies by id, 500 after the given one, each with the positions of the parts. */
  page(bodies: readonly string[]): StatementSync {
    const all = { bodies, plain: undefined };
    return this.prepare('page', () => `${this.#select(all, true)} WHERE t._id > ? ORDER BY t._id LIMIT 500`);
  }

  #select({ bodies, plain }: Loaded, positions: boolean, from = `${this.table} t`): string {
    const added = positions ? this.layout.parts.map((p) => `, t.p${p.n}`).join('') : '';
    if (plain !== 'bodies alone')
      return `SELECT ${this.#selected(bodies)}${added} FROM ${from}${this.#joined(bodies.length > 0)}`;
    return `SELECT ${this.#selected(bodies, isPlain(this.layout))}${added} FROM ${from}`;
  }

  count(): StatementSync {
    const gone = this.layout.parts.map((p) => `d${p.n} IS NULL`).join(' AND ');
    return this.prepare(
      'count',
      () => `SELECT (SELECT count(*) FROM ${this.table}) - (SELECT count(*) FROM ${this.table} WHERE ${gone})`,
    );
  }

  /**
   * Values for each part of the first condition: its values, equality prefix, those of the other conditions, `after`;
   * then the limit. A list is JSON. `versions` adds the positions of the parts.
   */
  ids(plan: IdsPlan, versions = false): StatementSync {
    const { after } = plan;
    return this.prepare(`ids/${shapeOf(plan)}/${after !== undefined}/${versions}`, () => {
      const selects = this.#elements(plan, after === undefined ? [] : ['a._id > ?']).map(
        ({ from, where }) => `SELECT DISTINCT a._id FROM ${from} WHERE ${where}`,
      );
      const ids = `${selects.join(' UNION ')} ORDER BY 1 LIMIT ?`;
      if (!versions) return ids;
      const positions = this.layout.parts.map((p) => `t.p${p.n}`).join(', ');
      return `SELECT t._id, ${positions} FROM (${ids}) i CROSS JOIN ${this.table} t ON t._id = i._id ORDER BY t._id`;
    });
  }

  /**
   * How many elements one condition finds, up to a limit, and the lowest and the highest of them. Undefined for a
   * condition with several parts. Values: as of `countOfAll`.
   */
  countOfOne(plan: CountPlan): StatementSync | undefined {
    const { keys, ranges } = plan.all[0]!;
    if (keys.length > 0 ? ranges.length > 0 : ranges.length > 1) return undefined;
    return this.prepare(`count/${countShapeOf(plan)}`, () => {
      const element = `k${plan.index.fields.length - 1}`;
      const [{ from, where }] = this.#elements(plan, this.#without(plan)) as [ElementsPart];
      const rows = `SELECT a.${element} AS e FROM ${from} WHERE ${where} LIMIT ?`;
      return `SELECT min(e), max(e), count(*) FROM (${rows})`;
    });
  }

  /**
   * How many documents satisfy the conditions, up to a limit, for each value of the first field. Values for each part
   * of the first condition: its values, equality prefix, those of the other conditions, equality prefix and list of
   * `none`, list of `except`; then the limit.
   */
  countOfAll(plan: CountPlan): StatementSync {
    return this.prepare(`count-all/${countShapeOf(plan)}`, () => {
      const selects = this.#elements(plan, this.#without(plan)).map(
        ({ from, where }) => `SELECT DISTINCT a.k0 AS k, a._id FROM ${from} WHERE ${where}`,
      );
      return `SELECT k, count(*) FROM (${selects.join(' UNION ')} LIMIT ?) GROUP BY k`;
    });
  }

  /** What leaves out documents with an element of `none`, and those of `except`. */
  #without({ index, equals, none, except }: CountPlan): readonly string[] {
    const element = `k${index.fields.length - 1}`;
    return [
      ...(none.length === 0
        ? []
        : [
            `a._id NOT IN (SELECT _id FROM ${quoted(arrayTable(this.physical, index))} WHERE ` +
              `${[...prefixOf(index, '', Array.isArray(equals[0])), inList(element)].join(' AND ')})`,
          ]),
      ...(except.length === 0 ? [] : [`a._id NOT IN (SELECT value FROM json_each(?))`]),
    ];
  }

  /**
   * The rows of an array index that satisfy all conditions, for each part of the first one. The first condition reads
   * the table in the order of its elements. The others look at the array in the document, because an index of the
   * elements by document would double the cost of each write.
   */
  #elements({ index, equals, all }: Omit<IdsPlan, 'limit'>, more: readonly string[]): readonly ElementsPart[] {
    const [partName, fields] = splitPath(index.fields.at(-1)!);
    const json = `t.d${this.layout.partByName.get(partName)!.n}, '$.${fields.join('.')}'`;
    const partsOf = (value: string, { keys, ranges }: IdsCondition): readonly { from?: string; where: string }[] => [
      ...(keys.length === 0 ? [] : [{ where: keys.length === 1 ? `${value} = ?` : inList(value) }]),
      ...(ranges.length > MOST_RANGES
        ? [{ from: 'json_each(?) r', where: `${value} >= r.value ->> 0 AND ${value} < r.value ->> 1` }]
        : ranges.map(() => ({ where: `(${value} >= ? AND ${value} < ?)` }))),
    ];
    const others = all.slice(1).map((any) => {
      const where = partsOf('j.value', any)
        .map((part) =>
          part.from === undefined ? part.where : `EXISTS (SELECT 1 FROM ${part.from} WHERE ${part.where})`,
        )
        .join(' OR ');
      return `EXISTS (SELECT 1 FROM ${this.table} t, json_each(${json}) j WHERE t._id = a._id AND (${where}))`;
    });
    return partsOf(`a.k${index.fields.length - 1}`, all[0]!).map(({ from, where }) => ({
      // A list comes first, so that each of its ranges is one interval of the index.
      from: `${from === undefined ? '' : `${from} CROSS JOIN `}${quoted(arrayTable(this.physical, index))} a`,
      where: [where, ...prefixOf(index, 'a.', Array.isArray(equals[0])), ...others, ...more].join(' AND '),
    }));
  }

  /** Values: equality prefix, bounds, then `after` (rest fields and _id), `except`, limit. */
  find(plan: QueryPlan, lower: boolean): StatementSync {
    const bounds = lower ? plan.bounds : plan.bounds.filter((b) => b.op[0] !== (plan.descending ? '<' : '>'));
    const compared = `${plan.equals.length}/${bounds.map((b) => b.op).join()}/${plan.after !== undefined}`;
    const read = `${plan.descending}/${plan.bodies.join()}/${plan.fields === 'keys'}`;
    const key = `find/${plan.index.name}/${compared}/${read}/${plan.except.length > 0}`;
    return this.prepare(key, () => {
      const { index } = plan;
      const columns = index.array
        ? index.fields.map((_, i) => `a.k${i}`)
        : index.fields.map((f) => `t.${this.layout.columns.get(f)!}`);
      const id = index.array ? 'a._id' : 't._id';
      const rest = columns.slice(plan.equals.length);
      const keyset = [...rest, id];
      const direction = plan.descending ? 'DESC' : 'ASC';
      const where = [
        ...columns.slice(0, plan.equals.length).map((c) => `${c} = ?`),
        ...(index.array ? [] : rest.map((c) => `${c} IS NOT NULL`)),
        ...bounds.map((b) => `${rest[0]} ${b.op} ?`),
        ...(plan.after
          ? [
              keyset.length === 1
                ? `${id} ${plan.descending ? '<' : '>'} ?`
                : `(${keyset.join(', ')}) ${plan.descending ? '<' : '>'} (${keyset.map(() => '?').join(', ')})`,
            ]
          : []),
        ...(plan.except.length > 0 ? [`${id} NOT IN (SELECT value FROM json_each(?))`] : []),
      ];
      const from = index.array
        ? `${quoted(arrayTable(this.physical, index))} a CROSS JOIN ${this.table} t ON t._id = a._id`
        : `${this.table} t INDEXED BY ${quoted(`${this.physical}__${index.name}`)}`;
      const selected = plan.fields === 'keys' ? [id, ...rest].join(', ') : this.#selected(plan.bodies);
      return (
        `SELECT ${selected} FROM ` +
        `${from}${this.#joined(plan.bodies.length > 0)}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''} ` +
        `ORDER BY ${keyset.map((c) => `${c} ${direction}`).join(', ')} LIMIT ?`
      );
    });
  }
}

/** A row of `get`, `page` or `find` as a document; undefined when no part is left. */
export function documentOf(
  layout: Layout,
  row: readonly unknown[],
  bodies: readonly string[],
  decode: (json: string) => unknown = JSON.parse,
): ViewDocument | undefined {
  const document: { _id: string } & Record<string, unknown> = { _id: row[0] as string };
  let column = 1;
  let any = false;
  for (const part of layout.parts) {
    const json = row[column++];
    if (json === null) continue;
    document[part.name] = decode(json as string);
    any = true;
  }
  if (!any) return undefined;
  for (const part of bodies.length === 0 ? [] : layout.parts) {
    for (const body of part.bodies) {
      if (!bodies.includes(body.path)) continue;
      const bytes = row[column++];
      if (bytes !== null) (document[part.name] as Record<string, unknown>)[body.field] = bytes;
    }
  }
  return document;
}

/** A row of `find` with the fields of the index alone, behind the equality prefix. */
export function keysOf([_id, ...values]: readonly unknown[], { rest }: QueryPlan): ViewDocument {
  const document = { _id: _id as string };
  rest.forEach((path, i) => setField(document, path.split('.'), values[i]));
  return document;
}
