import type { Filter, Sort } from 'mongodb';
import type { Projection } from '../projection.ts';
import type { CountPlan, IdsCondition, IdsPlan, LoadPlan, QueryPlan, ValuesPlan } from '../query.ts';
import { loadedIf, type StoredDocument } from './layout.ts';

export interface Query {
  readonly filter: Filter<StoredDocument>;
  readonly sort: Sort;
}

const OPERATOR = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' } as const;

/**
 * The finds of a plan, which run in order until the page is full. Behind `after` (v1, …, vk, id) they are `r1 = v1 … rk
 * = vk, _id > id`, then `r1 = v1 …, rk > vk`, and so on to `r1 > v1`. So each has a prefix of equalities and one range,
 * in the order of the index.
 */
export function queriesOf(plan: QueryPlan): readonly Query[] {
  const { rest, after } = plan;
  if (after === undefined) return [queryOf(plan, [], undefined)];
  return Array.from({ length: rest.length + 1 }, (_, n) => rest.length - n).map((fixed) =>
    queryOf(plan, after.values.slice(0, fixed), fixed === rest.length ? after.id : after.values[fixed]),
  );
}

/** The find with `fixed` values of the first fields, and the next field (or `_id`) strictly after `behind`. */
function queryOf(plan: QueryPlan, fixed: readonly unknown[], behind: unknown): Query {
  const direction = plan.descending ? -1 : 1;
  const fields = [...plan.rest, '_id'];
  const conditions: (readonly [string, object])[] = [
    ...plan.index.fields.slice(0, plan.equals.length).map((field, i) => [field, { $eq: plan.equals[i] }] as const),
    ...fixed.map((value, i) => [fields[i]!, { $eq: value }] as const),
    ...plan.bounds.map((b) => [plan.rest[0]!, { [OPERATOR[b.op]]: b.value }] as const),
    ...(behind === undefined ? [] : [[fields[fixed.length]!, { [plan.descending ? '$lt' : '$gt']: behind }] as const]),
  ];
  // The index is partial. Not every server infers from a range that a field exists, so the query says so.
  const asked = new Set(conditions.filter(([, c]) => '$eq' in c).map(([field]) => field));
  if (plan.except.length > 0) conditions.push(['_id', { $nin: [...plan.except] }]);
  for (const field of plan.rest) if (!asked.has(field)) conditions.push([field, { $exists: true }]);
  return {
    filter: merged(conditions),
    sort: Object.fromEntries(fields.slice(fixed.length).map((f) => [f, direction])) as Sort,
  };
}

/**
 * Merges conditions by field and keeps the tighter of two bounds, because the tests' server scans the collection for an
 * `$and`.
 */
function merged(conditions: readonly (readonly [string, object])[]): Filter<StoredDocument> {
  const byField: Record<string, Record<string, unknown>> = {};
  const apart: object[] = [];
  for (const [field, condition] of conditions) {
    const there = (byField[field] ??= {});
    for (const [operator, value] of Object.entries(condition) as [string, unknown][]) {
      if (!(operator in there)) there[operator] = value;
      else if (typeof value !== typeof there[operator]) apart.push({ [field]: { [operator]: value } });
      else if (ordered(value, there[operator]) > 0 === operator.startsWith('$gt')) there[operator] = value;
    }
  }
  return (apart.length === 0 ? byField : { $and: [byField, ...apart] }) as Filter<StoredDocument>;
}

/**
 * The filters of a query for ids, one for the keys and one for each range of the first condition, because a range of an
 * array index is one interval. The server checks the other conditions at each document.
 */
export function idFiltersOf({ index, equals, all, after }: IdsPlan): readonly Filter<StoredDocument>[] {
  const path = index.fields.at(-1)!;
  const prefix = Object.fromEntries(
    equals.map((value, i) => [index.fields[i]!, Array.isArray(value) ? { $in: value } : value]),
  );
  const partsOf = ({ keys, ranges }: IdsCondition): readonly object[] => [
    ...(keys.length === 0 ? [] : [{ $in: keys }]),
    // `$elemMatch`, because without it two different elements may satisfy the two bounds.
    ...ranges.map(({ gte, lt }) => ({ $elemMatch: { $gte: gte, $lt: lt } })),
  ];
  const others = all.slice(1).map((any) => {
    const parts = partsOf(any).map((part) => ({ [path]: part }));
    return parts.length === 1 ? parts[0] : { $or: parts };
  });
  return partsOf(all[0]!).map(
    (first) =>
      ({
        ...prefix,
        // The index is partial. Not every server infers from a range that the array exists, so the query says so. A
        // list of keys says it. With `$exists` beside it, the tests' server looks at each entry of the prefix.
        [path]: '$in' in first ? first : { ...first, $exists: true },
        ...(after !== undefined && { _id: { $gt: after } }),
        ...(others.length > 0 && { $and: others }),
      }) as Filter<StoredDocument>,
  );
}

/** The filters of a count. A document may fit several of them. */
export const countFiltersOf = (plan: CountPlan): readonly Filter<StoredDocument>[] => {
  const { index, none, except } = plan;
  const path = index.fields.at(-1)!;
  return idFiltersOf(plan).map(
    (filter) =>
      ({
        ...filter,
        ...(none.length > 0 && { [path]: { ...(filter as Record<string, object>)[path], $nin: none } }),
        ...(except.length > 0 && { _id: { $nin: except } }),
      }) as Filter<StoredDocument>,
  );
};

/** The documents of these ids; with `left out`, those without the text of plain documents. */
export function loadFilterOf(
  { plain }: Projection,
  ids: readonly string[],
  { plain: which }: LoadPlan,
): Filter<StoredDocument> {
  const byId = { _id: ids.length === 1 ? ids[0]! : { $in: [...ids] } };
  if (which !== 'left out') return byId;
  const { part, text } = plain!;
  return {
    ...byId,
    [`_d.${part}`]: { $not: new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')) },
  } as Filter<StoredDocument>;
}

/** A document to read, and another one on which it depends. */
export interface BesideRow {
  readonly id: string;
  /** Id of the other document. */
  readonly other: string;
  /** JSON text of the positions (`_p`) that the other document should have; undefined for any. */
  readonly expected: string | undefined;
}
/** No positions. */
const ANY = 'any';

/**
 * The stages of a read by ids that compares other documents (`ViewReader.getWhile`). A join by `_id` is one look-up in
 * its index. The form of `$lookup` with a pipeline is not used, because the server of the tests scans the collection
 * for it.
 */
export function besideStagesOf(
  projection: Projection,
  plan: LoadPlan,
  collection: string,
  rows: readonly BesideRow[],
): object[] {
  const ids = rows.map(({ id }) => id);
  const of = (values: readonly unknown[]): object =>
    values.length === 1
      ? { $literal: values[0] }
      : { $arrayElemAt: [{ $literal: values }, { $indexOfArray: [{ $literal: ids }, '$_id'] }] };
  const expected = rows.map((row): unknown => (row.expected === undefined ? ANY : JSON.parse(row.expected)));
  const isSame = { $or: [{ $eq: ['$_expected', ANY] }, { $eq: ['$_other._p', '$_expected'] }] };
  return [
    { $match: loadFilterOf(projection, ids, plan) },
    { $set: { _other: of(rows.map(({ other }) => other)), _expected: of(expected) } },
    { $lookup: { from: collection, localField: '_other', foreignField: '_id', as: '_other' } },
    { $set: { _other: { $arrayElemAt: ['$_other', 0] } } },
    {
      $project: {
        ...loadedIf(projection, plan, [isSame]),
        _other: { $cond: [isSame, { $literal: true }, { $ifNull: ['$_other', null] }] },
      },
    },
  ];
}

/**
 * The documents that have any of the values in each field, and so at least those that have one of the lists. The server
 * skips in the index from one value to the next, while an `$or` of the lists may scan the collection.
 */
export const valuesFilterOf = ({ index, paths, any }: ValuesPlan): Filter<StoredDocument> =>
  Object.fromEntries(
    index.fields.map((field, i) => {
      const values = i < paths.length ? [...new Set(any.map((list) => list[i]!))] : [];
      if (values.length === 1) return [field, values[0]];
      // The index is partial, so the query says of a field without values that it exists. A list says it as well. With
      // `$exists` beside the list, the tests' server looks at every document.
      return [field, values.length > 0 ? { $in: values } : { $exists: true }];
    }),
  );

/** MongoDB's order of texts: by their bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
/** Two values of one type in MongoDB's order. */
const ordered = (a: unknown, b: unknown): number =>
  typeof a === 'string' ? byBytes(a, b as string) : Number(a) - Number(b);
