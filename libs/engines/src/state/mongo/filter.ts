import type { Document, Filter } from 'mongodb';

export interface Row extends Document {
  readonly _id: string;
}

/** Comparisons of the port have the names of MongoDB's operators. */
export function filterOf(where: object): Filter<Row> {
  return Object.fromEntries(
    Object.entries(where).map(([field, condition]: [string, unknown]) => {
      if (field === 'anyOf') {
        const any = condition as readonly object[];
        return nullOrAbove(any, where) ?? ['$or', any.map(filterOf)];
      }
      if (condition === null || typeof condition !== 'object') return [field, condition];
      return [field, Object.fromEntries(Object.entries(condition).map(([name, value]) => [`$${name}`, value]))];
    }),
  ) as Filter<Row>;
}

/**
 * "The field is null or above a limit" as one condition. With an `$or` beside the id, the tests' server looks at every
 * document. Null is not below a limit, so `$not` finds it too.
 */
function nullOrAbove(any: readonly object[], where: object): readonly [string, object] | undefined {
  const [[field, absent] = [], [same, limit] = [], ...others] = any.flatMap((one) => Object.entries(one));
  if (field === undefined || field in where || field !== same || absent !== null || others.length > 0) return undefined;
  const isAbove = limit !== null && typeof limit === 'object' && Object.keys(limit).join() === 'gt';
  return isAbove ? [field, { $not: { $lte: (limit as { readonly gt: unknown }).gt } }] : undefined;
}
