import { LIMIT, VALUE } from '../../log/embedded/index.ts';
import type { IndexDefinition, Scalar } from '../projection.ts';
import { type CountPlan, type IdsCondition, type IdsPlan, splitPath } from '../query.ts';
import { arrayTable, type Layout, quoted } from './tables.ts';
import { bound } from './values.ts';

/**
 * More ranges of one condition are a list in JSON. SQLite takes at most 500 parts of a UNION, and each number of parts
 * is another statement.
 */
export const MOST_RANGES = 8;

export type Bound = string | number | null;
/** A part of a condition: a table to join, and what holds. Its values are those of `valuesOf`, in the same order. */
export interface ConditionPart {
  readonly from?: string;
  readonly where: string;
}
interface Select {
  readonly from: string;
  readonly where: string;
}

export const inList = (value: string): string => `${value} IN (SELECT value FROM json_each(?))`;
export const hasLists = ({ equals }: Pick<IdsPlan, 'equals'>): boolean => Array.isArray(equals[0]);

/** What tells the statements of queries for ids apart. */
export const shapeOf = (plan: Omit<IdsPlan, 'limit'>): string => {
  const shapes = plan.all.map(
    ({ keys, ranges }) => `${Math.min(keys.length, 2)}.${Math.min(ranges.length, MOST_RANGES + 1)}`,
  );
  return `${plan.index.name}/${hasLists(plan)}/${shapes.join('/')}`;
};
export const countShapeOf = (plan: CountPlan): string =>
  `${shapeOf(plan)}/${plan.none.length > 0}/${plan.except.length > 0}`;

/** The queries of an array index in SQL, and their values. The form of its tables is up to the subclass. */
export abstract class Elements {
  /** The elements, as `a`. */
  protected abstract readonly table: string;
  /** The column with the element. */
  protected abstract readonly element: string;

  /** What holds if a value is in the condition: each part alone is enough, and no row has two parts. */
  protected abstract partsOf(value: string, condition: IdsCondition): readonly ConditionPart[];
  protected abstract valuesOf(condition: IdsCondition): readonly (readonly Bound[])[];
  /** What holds for the fields in front of the array. @param alias of the elements, with a dot */
  protected abstract prefix(alias: string, lists: boolean): readonly string[];
  /** What holds if the document of `a` has an element `j.value` for which `where` holds. */
  protected abstract hasElement(where: string): string;
  /** What leaves out documents with an element of a list, then those of a list of ids. */
  protected abstract without(plan: CountPlan): readonly string[];
  protected abstract withoutValues(plan: CountPlan): readonly Bound[];

  /** The ids in their order, with other columns of the documents. Values: `idsValues`. */
  abstract ids(plan: IdsPlan, columns: readonly string[]): string;
  abstract idsValues(plan: IdsPlan): readonly Bound[];
  /**
   * How many elements the one condition finds, up to a limit, in the last column. The others have the lowest and the
   * highest of them, and may have nulls. Values: `countValues`.
   */
  abstract countOfOne(plan: CountPlan): string;
  /** The number of documents for each value of the first field, up to a limit. Values: `countValues`. */
  abstract countOfAll(plan: CountPlan): string;
  /** The documents `t` with an element. Values: `equalValues`. */
  abstract withElement(): Select & { readonly id: string };
  /** Undefined if no document has them. */
  abstract equalValues(equals: readonly Scalar[]): readonly Bound[] | undefined;

  countValues(plan: CountPlan): readonly Bound[] {
    return [...this.eachValues(plan, this.withoutValues(plan)), plan.limit];
  }
  /** For each part of the first condition: its values, those of `prefix`, those of the other conditions, and `more`. */
  protected eachValues({ equals, all }: Omit<IdsPlan, 'limit'>, more: readonly Bound[]): readonly Bound[] {
    const rest = [...this.prefixValues(equals), ...all.slice(1).flatMap((any) => this.valuesOf(any).flat()), ...more];
    return this.valuesOf(all[0]!).flatMap((part) => [...part, ...rest]);
  }
  /** A list is JSON. */
  protected prefixValues(equals: readonly (Scalar | readonly Scalar[])[]): readonly Bound[] {
    return equals.map((value) => (Array.isArray(value) ? JSON.stringify(value.map(bound)) : bound(value)));
  }

  /**
   * The elements that satisfy all conditions, for each part of the first one. The first condition reads the table in
   * the order of its elements. The others look at the list of the document, because an index of the elements by
   * document would double the cost of each write.
   */
  protected selects(plan: Omit<IdsPlan, 'limit'>, more: readonly string[]): readonly Select[] {
    const others = plan.all.slice(1).map((any) => {
      const parts = this.partsOf('j.value', any).map(({ from, where }) =>
        from === undefined ? where : `EXISTS (SELECT 1 FROM ${from} WHERE ${where})`,
      );
      return this.hasElement(parts.join(' OR '));
    });
    return this.partsOf(this.element, plan.all[0]!).map(({ from, where }) => ({
      // A list comes first, so that each of its ranges is one interval of the index.
      from: `${from === undefined ? '' : `${from} CROSS JOIN `}${this.table} a`,
      where: [where, ...this.prefix('a.', hasLists(plan)), ...others, ...more].join(' AND '),
    }));
  }
}

/** Whether `countOfOne` can count a condition: its elements are of one list or one range. */
export const isOne = ({ all }: CountPlan): boolean => {
  const { keys, ranges } = all[0]!;
  return all.length === 1 && (keys.length > 0 ? ranges.length === 0 : ranges.length === 1);
};

/** A table with a row for each element: the fields in front of the array, the element, the id of the document. */
export class PlainElements extends Elements {
  protected readonly table: string;
  protected readonly element: string;
  readonly #index: IndexDefinition;
  readonly #documents: string;
  readonly #json: string;

  constructor(layout: Layout, physical: string, index: IndexDefinition) {
    super();
    this.#index = index;
    this.table = quoted(arrayTable(physical, index));
    this.element = `a.k${index.fields.length - 1}`;
    this.#documents = quoted(physical);
    const [part, fields] = splitPath(index.fields.at(-1)!);
    this.#json = `t.d${layout.partByName.get(part)!.n}, '$.${fields.join('.')}'`;
  }

  protected partsOf(value: string, { keys, ranges }: IdsCondition): readonly ConditionPart[] {
    return [
      ...(keys.length === 0 ? [] : [{ where: keys.length === 1 ? `${value} = ${VALUE}` : inList(value) }]),
      ...(ranges.length > MOST_RANGES
        ? [{ from: 'json_each(?) r', where: `${value} >= r.value ->> 0 AND ${value} < r.value ->> 1` }]
        : ranges.map(() => ({ where: `(${value} >= ? AND ${value} < ?)` }))),
    ];
  }
  protected valuesOf({ keys, ranges }: IdsCondition): readonly (readonly Bound[])[] {
    return [
      ...(keys.length === 0 ? [] : [[keys.length === 1 ? keys[0]! : JSON.stringify(keys)]]),
      ...(ranges.length > MOST_RANGES
        ? [[JSON.stringify(ranges.map(({ gte, lt }) => [gte, lt]))]]
        : ranges.map(({ gte, lt }) => [gte, lt])),
    ];
  }
  protected prefix(alias: string, lists: boolean): readonly string[] {
    return this.#index.fields
      .slice(0, -1)
      .map((_, i) => (lists && i === 0 ? inList(`${alias}k${i}`) : `${alias}k${i} = ${VALUE}`));
  }
  protected hasElement(where: string): string {
    return `EXISTS (SELECT 1 FROM ${this.#documents} t, json_each(${this.#json}) j WHERE t._id = a._id AND (${where}))`;
  }
  protected without(plan: CountPlan): readonly string[] {
    const conditions = [...this.prefix('', hasLists(plan)), inList(`k${this.#index.fields.length - 1}`)];
    return [
      ...(plan.none.length === 0
        ? []
        : [`a._id NOT IN (SELECT _id FROM ${this.table} WHERE ${conditions.join(' AND ')})`]),
      ...(plan.except.length === 0 ? [] : [`a._id NOT IN (SELECT value FROM json_each(?))`]),
    ];
  }
  protected withoutValues({ equals, none, except }: CountPlan): readonly Bound[] {
    return [
      ...(none.length === 0 ? [] : [...this.prefixValues(equals), JSON.stringify(none)]),
      ...(except.length === 0 ? [] : [JSON.stringify(except)]),
    ];
  }

  ids(plan: IdsPlan, columns: readonly string[]): string {
    const selects = this.selects(plan, plan.after === undefined ? [] : ['a._id > ?']).map(
      ({ from, where }) => `SELECT DISTINCT a._id FROM ${from} WHERE ${where}`,
    );
    const ids = `${selects.join(' UNION ')} ORDER BY 1 ${LIMIT}`;
    if (columns.length === 0) return ids;
    const selected = ['_id', ...columns].map((column) => `t.${column}`).join(', ');
    return `SELECT ${selected} FROM (${ids}) i CROSS JOIN ${this.#documents} t ON t._id = i._id ORDER BY t._id`;
  }
  idsValues(plan: IdsPlan): readonly Bound[] {
    return [...this.eachValues(plan, plan.after === undefined ? [] : [plan.after]), plan.limit];
  }
  countOfOne(plan: CountPlan): string {
    const [{ from, where }] = this.selects(plan, this.without(plan)) as [Select];
    return `SELECT min(e), max(e), count(*) FROM (SELECT ${this.element} AS e FROM ${from} WHERE ${where} ${LIMIT})`;
  }
  countOfAll(plan: CountPlan): string {
    const selects = this.selects(plan, this.without(plan)).map(
      ({ from, where }) => `SELECT DISTINCT a.k0 AS k, a._id FROM ${from} WHERE ${where}`,
    );
    return `SELECT k, count(*) FROM (${selects.join(' UNION ')} ${LIMIT}) GROUP BY k`;
  }
  withElement(): Select & { readonly id: string } {
    return {
      from: `${this.table} a CROSS JOIN ${this.#documents} t ON t._id = a._id`,
      where: this.#index.fields.map((_, i) => `a.k${i} = ${VALUE}`).join(' AND '),
      id: 'a._id',
    };
  }
  equalValues(equals: readonly Scalar[]): readonly Bound[] {
    return equals.map(bound);
  }
}
