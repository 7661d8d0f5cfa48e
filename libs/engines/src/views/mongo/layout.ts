import type { WantedIndex } from '../../mongo/indexes.ts';
import { encodePart } from '../encoding.ts';
import { collectionName, oncePerProjection, type Projection, type ViewDocument } from '../projection.ts';
import {
  checkProjection,
  fieldOf,
  isScalar,
  type LoadPlan,
  type QueryPlan,
  setField,
  splitPath,
  UndeclaredQuery,
} from '../query.ts';
import type { PartPosition, WholeDocument } from '../store.ts';
import { keepTraces } from '../traces.ts';

/**
 * The documents of a projection in MongoDB, one for each id:
 *
 *     { _id, <part>: { <indexed fields> }, _d: { <part>: <JSON> }, _b: { <part>: { <body>: bytes } },
 *       _p: { <part>: { p<partition>: offset } }, _gone: { <part>: true }, _t: { <part>: <trace context> } }
 *
 * Indexed fields have the declared paths, so `find` and an operator's shell can use them by name. A part is stored as
 * JSON text, for three reasons. Its field names may be ids of the payer, with dots and dollars that BSON paths do not
 * permit. The text is the same in every adapter. And it is decoded only after its position has changed. A removed part
 * keeps its position and is in `_gone`, for `count`. `_t` is present if tracing recorded the last write of a part.
 */
export interface PartLayout {
  readonly name: string;
  readonly bodies: readonly string[];
  readonly scalars: readonly (readonly string[])[];
  readonly arrays: readonly (readonly string[])[];
}

export interface Layout {
  readonly collection: string;
  readonly projection: Projection;
  readonly parts: readonly PartLayout[];
  readonly partByName: ReadonlyMap<string, PartLayout>;
}

export interface StoredDocument {
  readonly _id: string;
  readonly _d?: Readonly<Record<string, string>>;
  readonly _b?: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
  readonly _p?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly _gone?: Readonly<Record<string, true>>;
  readonly _t?: Readonly<Record<string, string>>;
  readonly [part: string]: unknown;
}

/** A document that was read with another one: `true` if that one has not changed, null if it is missing. */
export interface StoredBeside extends StoredDocument {
  readonly _other: StoredDocument | true | null;
}

export const layoutOf = oncePerProjection((projection): Layout => {
  checkProjection(projection);
  const view = collectionName(projection);
  const scalars = new Set<string>();
  const arrays = new Set<string>();
  for (const index of projection.indexes)
    index.fields.forEach((path, i) => (index.array && i === index.fields.length - 1 ? arrays : scalars).add(path));
  for (const path of arrays)
    if (scalars.has(path)) throw new UndeclaredQuery(`${view}: "${path}" is indexed as an array and as a value`);
  const parts = Object.values(projection.topics).map(({ part }): PartLayout => {
    const mine = (paths: Iterable<string>): (readonly string[])[] =>
      [...paths]
        .map(splitPath)
        .filter(([name]) => name === part)
        .map(([, fields]) => fields);
    return {
      name: part,
      bodies: mine(projection.bodies ?? []).map((fields) => fields[0]!),
      scalars: mine(scalars),
      arrays: mine(arrays),
    };
  });
  return { collection: view, projection, parts, partByName: new Map(parts.map((p) => [p.name, p])) };
});

const keyOf = (fields: readonly string[]): Record<string, 1> => Object.fromEntries(fields.map((f) => [f, 1]));
const present = (fields: readonly string[]): Record<string, { $exists: true }> =>
  Object.fromEntries(fields.map((f) => [f, { $exists: true }]));

/** The indexes are partial, because by the port an index does not find a document that lacks one of its fields. */
export function indexesOf({ projection }: Layout): readonly WantedIndex[] {
  return [
    ...projection.indexes.map(({ name, fields }) => ({
      name,
      key: keyOf([...fields, '_id']),
      options: { partialFilterExpression: present(fields) },
    })),
    { name: 'removed', key: keyOf(['_gone', '_id']), options: { partialFilterExpression: present(['_gone']) } },
  ];
}

/** Documents without a part. The index `removed` finds them. */
export const removedOf = (layout: Layout): object => ({
  _gone: { $exists: true },
  ...Object.fromEntries(layout.parts.map((p) => [`_d.${p.name}`, null])),
});

/** The fields of a document for a part, and about how many bytes they have. */
export function encode(
  part: PartLayout,
  value: unknown,
): { set: Record<string, unknown>; unset: Record<string, ''>; bytes: number } {
  if (value === null)
    return {
      set: { [`_gone.${part.name}`]: true },
      unset: { [part.name]: '', [`_d.${part.name}`]: '', [`_b.${part.name}`]: '' },
      bytes: 200,
    };
  const { json, bodies } = encodePart(value, part.bodies);
  const indexed: Record<string, unknown> = {};
  for (const fields of part.scalars) {
    const found = fieldOf(value, fields);
    if (isScalar(found)) setField(indexed, fields, found);
  }
  for (const fields of part.arrays) {
    const found = fieldOf(value, fields);
    if (Array.isArray(found)) setField(indexed, fields, [...new Set(found.filter(isScalar))]);
  }
  const set: Record<string, unknown> = {
    ...(part.scalars.length + part.arrays.length > 0 && { [part.name]: indexed }),
    [`_d.${part.name}`]: json,
  };
  const unset: Record<string, ''> = { [`_gone.${part.name}`]: '' };
  let bytes = 400 + Buffer.byteLength(json);
  const kept = part.bodies.flatMap((field, i) => (bodies[i] === undefined ? [] : [[field, bodies[i]!] as const]));
  for (const [, body] of kept) bytes += body.byteLength;
  if (kept.length > 0) set[`_b.${part.name}`] = Object.fromEntries(kept.map(([field, body]) => [field, body]));
  else if (part.bodies.length > 0) unset[`_b.${part.name}`] = '';
  return { set, unset, bytes };
}

/** The path of a partition's offset in the position of a part. */
export const positionField = (part: string, partition: number): string => `_p.${part}.p${partition}`;
export const storedPosition = (position: PartPosition): Record<string, number> =>
  Object.fromEntries(Object.entries(position).map(([p, offset]) => [`p${p}`, offset]));
export const positionOf = (document: StoredDocument | undefined, part: string): PartPosition =>
  Object.fromEntries(Object.entries(document?._p?.[part] ?? {}).map(([p, offset]) => [p.slice(1), offset]));

/** The last record of each part. @param text of the positions, as JSON */
export const recordsIn = ([text]: readonly unknown[]): Readonly<Record<string, PartPosition>> => {
  const stored = { _id: '', _p: JSON.parse((text as string | undefined) ?? '{}') } as StoredDocument;
  return Object.fromEntries(Object.keys(stored._p!).map((part) => [part, positionOf(stored, part)]));
};

/** See `DocumentVersion`. */
export const versionOf = ({ parts }: Layout, document: StoredDocument): string =>
  parts.map(({ name }) => JSON.stringify(document._p?.[name] ?? null)).join(' ');

/** What a read reads of its documents, with these bodies. */
export const wholeProjection = (bodies: readonly string[]): Record<string, 1> => ({
  _id: 1,
  _d: 1,
  _t: 1,
  ...Object.fromEntries(bodies.map((b) => [`_b.${b}`, 1])),
});

/** What a read by ids reads. An expression keeps the bodies of documents that are not plain on the server. */
export function loadedBy(projection: Projection, plan: LoadPlan): Record<string, 1 | object> {
  return plan.plain === 'bodies alone' ? loadedIf(projection, plan, []) : wholeProjection(plan.bodies);
}

/** The same, with bodies only if all conditions hold. */
export function loadedIf(
  { plain }: Projection,
  { bodies, plain: which }: LoadPlan,
  conditions: readonly object[],
): Record<string, 1 | object> {
  const isPlain = (): object => ({
    $gte: [{ $indexOfBytes: [{ $ifNull: [`$_d.${plain!.part}`, ''] }, plain!.text] }, 0],
  });
  const all = which === 'bodies alone' ? [...conditions, isPlain()] : conditions;
  const loads = all.length === 1 ? all[0] : { $and: all };
  const conditional = bodies.map((b) => [`_b.${b}`, { $cond: [loads, `$_b.${b}`, '$$REMOVE'] }] as const);
  return { ...wholeProjection([]), ...Object.fromEntries(conditional) };
}

/** What `find` reads of its documents. */
export const projectionOf = ({ fields, rest, bodies }: QueryPlan): Record<string, 1> =>
  fields === 'keys' ? Object.fromEntries(['_id', ...rest].map((field) => [field, 1])) : wholeProjection(bodies);

/** Undefined if the document has no part. */
export function decode(
  layout: Layout,
  stored: StoredDocument,
  decodePart: (json: string) => unknown = JSON.parse,
): ViewDocument | undefined {
  const document: Record<string, unknown> = { _id: stored._id };
  let any = false;
  for (const { name } of layout.parts) {
    const json = stored._d?.[name];
    if (json === undefined) continue;
    const value = decodePart(json);
    const bodies = stored._b?.[name];
    document[name] = bodies === undefined ? value : Object.assign(value as object, bodies);
    any = true;
  }
  if (any && stored._t !== undefined) keepTraces(document as ViewDocument, Object.values(stored._t));
  return any ? (document as ViewDocument) : undefined;
}

export const wholeDocumentOf = ({ parts }: Layout, stored: StoredDocument): WholeDocument => ({
  id: stored._id,
  parts: parts.map(({ name, bodies }) => ({
    part: name,
    position: positionOf(stored, name),
    json: stored._d?.[name],
    bodies: bodies.map((body) => stored._b?.[name]?.[body]),
  })),
});
