import {
  collectionName,
  type CountQuery,
  type ElementRange,
  type FindQuery,
  type IdsQuery,
  type IndexDefinition,
  type LoadQuery,
  type Projection,
  type Scalar,
  type ValuesQuery,
  type ViewDocument,
} from './projection.ts';

/** A bug of the caller: a query without a declared index, or an invalid projection. */
export class UndeclaredQuery extends Error {
  override readonly name = 'UndeclaredQuery';
}

const refusing =
  (projection: Projection) =>
  (why: string): never => {
    throw new UndeclaredQuery(`${collectionName(projection)}: ${why}`);
  };

interface Bound {
  readonly op: '>' | '>=' | '<' | '<=';
  readonly value: Scalar;
}

/** A checked query in the order of an index: equality on a prefix, at most one range, then the keyset. */
export interface QueryPlan {
  readonly index: IndexDefinition;
  readonly equals: readonly Scalar[];
  /** Fields after the equality prefix. They and `_id` give the order of the result. */
  readonly rest: readonly string[];
  readonly bounds: readonly Bound[];
  readonly after?: { readonly values: readonly Scalar[]; readonly id: string };
  /** Ids that are left out; none if it is empty. */
  readonly except: readonly string[];
  readonly descending: boolean;
  readonly limit: number;
  /** See `FindQuery`; Infinity without a bound. */
  readonly maxBytes: number;
  readonly bodies: readonly string[];
  readonly fields: NonNullable<FindQuery['fields']>;
  /** Whether the engine may join the bodies. The projection then has one part, and plain documents. */
  readonly joined: boolean;
}

const MAX_LIMIT = 10_000;
const MAX_IDS = 100_000;
const OPS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
export const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/** Throws UndeclaredQuery, without values. */
export function planQuery(projection: Projection, query: FindQuery): QueryPlan {
  const refuse = refusing(projection);
  const index =
    projection.indexes.find((i) => i.name === query.index) ?? refuse(`no index "${query.index}" is declared`);
  const equals = query.equals ?? [];
  const where = `index "${index.name}"`;
  if (equals.length > index.fields.length)
    refuse(`${where} has ${index.fields.length} fields, ${equals.length} values were given`);
  if (!equals.every(isScalar)) refuse(`${where}: only strings, finite numbers and booleans can be compared`);
  const rest = index.fields.slice(equals.length);
  if (index.array && rest.length > 0) refuse(`${where} is an array index: it needs equality on all its fields`);
  const bounds: Bound[] = [];
  for (const [name, value] of Object.entries(query.range ?? {})) {
    if (value === undefined) continue;
    const op = OPS[name as keyof typeof OPS] ?? refuse(`a range knows gt, gte, lt, lte`);
    if (rest.length === 0) refuse(`${where} has no field left for a range`);
    if (!isScalar(value)) refuse(`${where}: only strings, finite numbers and booleans can be compared`);
    bounds.push({ op, value });
  }
  const count = (ops: readonly string[]): number => bounds.filter((b) => ops.includes(b.op)).length;
  if (count(['>', '>=']) > 1 || count(['<', '<=']) > 1)
    refuse(`${where}: a range has one lower and one upper bound at most`);
  if (query.after !== undefined) {
    if (query.after.values.length !== rest.length)
      refuse(`${where}: after needs a value for each of the ${rest.length} fields behind the equality prefix`);
    if (!query.after.values.every(isScalar) || typeof query.after.id !== 'string')
      refuse(`${where}: after holds scalars and an id`);
  }
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > MAX_LIMIT)
    refuse(`limit is a whole number from 1 to ${MAX_LIMIT}`);
  const { maxBytes = Number.POSITIVE_INFINITY } = query;
  if (!(maxBytes > 0)) refuse('maxBytes is above zero');
  const bodies = query.fields === 'keys' ? [] : checkBodies(projection, query.bodies);
  return {
    index,
    equals,
    rest,
    bounds,
    except: query.except ?? [],
    descending: query.order === 'desc',
    limit: query.limit,
    maxBytes,
    bodies,
    fields: query.fields ?? 'all',
    joined: index.array !== true && isJoined(projection, query),
    ...(query.after !== undefined && { after: query.after }),
  };
}

const isJoined = (
  projection: Projection,
  { joined, fields, bodies, maxBytes = Number.POSITIVE_INFINITY }: FindQuery | LoadQuery,
): boolean =>
  joined === true &&
  fields === 'text' &&
  bodies?.length === 1 &&
  maxBytes < Number.POSITIVE_INFINITY &&
  projection.plain !== undefined &&
  Object.keys(projection.topics).length === 1;

/** A checked query for the documents with one of several lists of values. */
export interface ValuesPlan extends Pick<ValuesQuery, 'any'> {
  /** The paths of the values, which the index begins with. */
  readonly paths: readonly string[];
  /** As in `ValuesQuery`. */
  readonly fields: 'all' | 'text';
  readonly limit?: number;
  readonly index: IndexDefinition;
}

/** Throws UndeclaredQuery, without values. */
export function planValues(
  projection: Projection,
  { index: name, any, fields = 'all', limit }: ValuesQuery,
): ValuesPlan {
  const refuse = refusing(projection);
  const index =
    projection.indexes.find((i) => i.name === name && i.array !== true) ?? refuse(`no index "${name}" is declared`);
  const length = any[0]?.length ?? 1;
  const where = `index "${index.name}"`;
  if (length < 1 || length > index.fields.length || any.some((values) => values.length !== length))
    refuse(`${where}: each list has as many values, from 1 to ${index.fields.length}`);
  for (const values of any)
    if (!values.every(isScalar)) refuse(`${where}: only strings, finite numbers and booleans can be compared`);
  // MongoDB finds more than what several values of a list select, so that a bound there would count others.
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1 || length > 1))
    refuse(`${where}: limit is a whole number from 1 on, and lists have one value then`);
  return { index, paths: index.fields.slice(0, length), any, fields, ...(limit !== undefined && { limit }) };
}

/** One condition of a query for ids: any of the keys, or an element in any of the ranges. Not both are empty. */
export interface IdsCondition {
  readonly keys: readonly string[];
  readonly ranges: readonly Exclude<ElementRange, string>[];
}
/** A checked query for ids with at least one condition. */
export interface IdsPlan extends Pick<IdsQuery, 'equals' | 'after' | 'limit'> {
  readonly index: IndexDefinition;
  readonly all: readonly IdsCondition[];
}

/** Throws UndeclaredQuery, without values. */
export function planIds(projection: Projection, { index: name, equals, all, after, limit }: IdsQuery): IdsPlan {
  const refuse = refusing(projection);
  const index =
    projection.indexes.find((i) => i.name === name && i.array === true) ??
    refuse(`no array index "${name}" is declared`);
  const where = `index "${index.name}"`;
  if (equals.length !== index.fields.length - 1)
    refuse(`${where} needs ${index.fields.length - 1} values before its array, ${equals.length} were given`);
  if (!equals.flat().every(isScalar)) refuse(`${where}: only strings, finite numbers and booleans can be compared`);
  if (all.length === 0 || all.some((ranges) => ranges.length === 0)) refuse(`${where}: a range is missing`);
  const text = (value: unknown): boolean => typeof value === 'string';
  if (!all.flat().every((range) => typeof range === 'string' || (text(range.gte) && text(range.lt))))
    refuse(`${where}: an element is a text, or a range of texts`);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_IDS) refuse(`limit is a whole number from 1 to ${MAX_IDS}`);
  const conditions = all.map((any): IdsCondition => ({
    keys: [...new Set(any.filter((range) => typeof range === 'string'))],
    ranges: any.filter((range) => typeof range !== 'string'),
  }));
  return { index, equals, all: conditions, limit, ...(after !== undefined && { after }) };
}

/** A checked query for the number of documents. */
export interface CountPlan extends Omit<IdsPlan, 'after'> {
  readonly none: readonly string[];
  readonly except: readonly string[];
}

/** Throws UndeclaredQuery, without values. */
export function planCount(projection: Projection, { none = [], except = [], ...query }: CountQuery): CountPlan {
  if (query.equals.length === 0) refusing(projection)('a count needs a value before the array of its index');
  return { ...planIds(projection, query), none, except };
}

/** What a query by ids loads, checked. */
export type LoadPlan = Required<Omit<LoadQuery, 'plain' | 'joined'>> & {
  readonly plain: LoadQuery['plain'] | undefined;
  /** See `QueryPlan`. */
  readonly joined: boolean;
};

/** Whether a read may answer with the decoded documents that the store keeps. */
export const isKeepable = ({ bodies, fields, versions, plain }: LoadPlan): boolean =>
  bodies.length === 0 && fields === 'all' && !versions && plain === undefined;

/** Throws UndeclaredQuery, without values. */
export function planLoad(projection: Projection, load: LoadQuery = {}): LoadPlan {
  const { bodies, maxBytes = Number.POSITIVE_INFINITY, fields = 'all', versions = false, plain } = load;
  if (plain !== undefined && projection.plain === undefined) refusing(projection)('no plain documents are declared');
  const joined = plain === undefined && isJoined(projection, load);
  return { bodies: checkBodies(projection, bodies), maxBytes, fields, versions, plain, joined };
}

function checkBodies(projection: Projection, bodies: readonly string[] = []): readonly string[] {
  for (const path of bodies) {
    if (!projection.bodies?.includes(path)) refusing(projection)(`no body "${path}" is declared`);
  }
  return bodies;
}

/** Bytes of the bodies that a document was loaded with. */
export function bytesOfBodies(document: ViewDocument | undefined, bodies: readonly string[]): number {
  let bytes = 0;
  for (const path of bodies) {
    const [part, [field]] = splitPath(path);
    const body = (document?.[part] as Record<string, unknown> | undefined)?.[field!];
    if (body instanceof Uint8Array) bytes += body.byteLength;
    else if (typeof body === 'string') bytes += Buffer.byteLength(body);
  }
  return bytes;
}

/** Splits `part.field`. Further dots separate fields of nested objects. */
export function splitPath(path: string): readonly [part: string, fields: readonly string[]] {
  const [part, ...fields] = path.split('.');
  return [part!, fields];
}

/** Refuses definitions that adapters do not support, for example unknown parts, or array indexes over several parts. */
export function checkProjection(projection: Projection): void {
  const refuse = refusing(projection);
  if (!/^[a-z][a-z0-9_-]*$/.test(collectionName(projection)))
    refuse('owner and name are lower-case letters, digits, _ and -');
  const parts = Object.values(projection.topics).map((t) => t.part);
  if (new Set(parts).size !== parts.length) refuse('two topics write the same part');
  for (const part of parts) if (!/^[A-Za-z][A-Za-z0-9]*$/.test(part)) refuse(`"${part}" is not a valid name of a part`);
  const known = (path: string): void => {
    const [part, fields] = splitPath(path);
    if (!parts.includes(part) || fields.length === 0 || fields.includes(''))
      refuse(`"${path}" is not part.field of a part that a topic writes`);
  };
  const names = new Set<string>();
  for (const index of projection.indexes) {
    if (!/^[a-z][a-z0-9_]*$/.test(index.name) || names.has(index.name))
      refuse(`"${index.name}" is not a valid name of an index, or a duplicate`);
    names.add(index.name);
    if (index.fields.length === 0) refuse(`index "${index.name}" has no fields`);
    index.fields.forEach(known);
    const before = projection.indexes.slice(0, projection.indexes.indexOf(index)).filter((i) => i.array !== true);
    if (index.added && (index.array || !index.fields.every((path) => before.some((i) => i.fields.includes(path)))))
      refuse(`added index "${index.name}" has a field that no index before it has`);
    if (index.array && new Set(index.fields.map((f) => splitPath(f)[0])).size > 1)
      refuse(`array index "${index.name}" spans several parts`);
    if (index.shared && (index.array !== true || index.fields.length < 2))
      refuse(`index "${index.name}" shares texts, so it is an array index with a field in front of its array`);
  }
  const arrays = projection.indexes.filter(({ array }) => array);
  if (arrays.length > 1 && arrays.some(({ shared }) => shared))
    refuse('an index that shares texts is not the only array index');
  if (projection.plain !== undefined && !parts.includes(projection.plain.part))
    refuse('no topic writes the plain part');
  const { subject = '_id' } = projection;
  if (subject !== '_id' && !projection.indexes.some((i) => i.array !== true && i.fields.includes(subject)))
    refuse(`subject "${subject}" is neither _id nor an indexed field`);
  for (const body of projection.bodies ?? []) {
    known(body);
    if (splitPath(body)[1].length !== 1) refuse(`body "${body}" must be part.field`);
    if (projection.indexes.some((i) => i.fields.includes(body))) refuse(`body "${body}" cannot be indexed`);
  }
}

/**
 * The properties that determine tables and collections, without the indexes that came later. A stored view must have
 * the same ones.
 */
export const definitionOf = ({ topics, indexes, bodies = [] }: Projection): string =>
  JSON.stringify({
    parts: Object.entries(topics).map(([topic, { part }]) => [topic, part]),
    indexes: indexes.filter(({ added }) => added !== true),
    bodies,
  });

export function fieldOf(part: unknown, fields: readonly string[]): unknown {
  let value: unknown = part;
  for (const field of fields) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[field];
  }
  return value;
}

export function setField(target: Record<string, unknown>, fields: readonly string[], value: unknown): void {
  let at = target;
  for (const field of fields.slice(0, -1)) at = (at[field] ??= {}) as Record<string, unknown>;
  at[fields.at(-1)!] = value;
}
