import type { LogRecord } from '../log/index.ts';

/**
 * The view port (docs/architecture.md#the-life-of-an-event): documents built from `pa.*`, read by key and by declared
 * indexes only.
 */

/**
 * `_id` and parts by name. A topic writes only its own part, and `part.field` is the path of a field. A reader must not
 * change a document, because readers may share the object.
 */
export type ViewDocument = { readonly _id: string; readonly _version?: string } & { readonly [part: string]: unknown };

export interface IndexDefinition {
  readonly name: string;
  /** Paths `part.field`. With `array` the last one is an array, and the index finds documents by an element. */
  readonly fields: readonly string[];
  readonly array?: boolean;
  /**
   * The array has texts that many documents share, such as codes. Only texts are found, and the index has a field in
   * front of its array. An engine may store a text once, apart from the documents, so a reader's documents may lack the
   * fields of the index. `evolve` always has them. Such an index is the only array index of its
   * projection.
   */
  readonly shared?: boolean;
  /**
   * The index came after the version of the view. Its fields are those of earlier indexes, so no document changes: a
   * build of an earlier release gets the index in place, and that release keeps it up after a rollback.
   */
  readonly added?: true;
}

export interface TopicEvolve<Part = unknown> {
  /** The name of the topic's part in the document. */
  readonly part: string;
  /** Ids of the documents that a record changes; [] ignores it. Check the type in the headers before you parse. */
  keys(record: LogRecord): readonly string[];
  /**
   * The part after the record. `null` removes it (and a document without parts), `undefined` leaves it unchanged. It
   * must be pure: no clock, no ids, no other part. With `blind` the part is not loaded, so `part` is always undefined.
   */
  evolve(part: Part | undefined, record: LogRecord, key: string): Part | null | undefined;
  readonly blind?: boolean;
  /**
   * Whether the record is probably the first one about its documents, in all parts, so that a view does not look for
   * them before it inserts them. A wrong answer costs time and changes nothing: the store refuses to insert a document
   * that exists, and the view loads the documents of the batch and evolves it again. Default: false.
   */
  begins?(record: LogRecord): boolean;
  /**
   * The part after a record at which `evolve` threw, or whose document could not be written, with results as of
   * `evolve`. The view continues after the record, so the part must not show or permit data that the record may have
   * withdrawn. `part` is undefined if the stored part is unusable. It must be pure. Default: removes the part.
   */
  failed?(part: Part | undefined, record: LogRecord, key: string): Part | null | undefined;
  /** Passes `pa.progress.v1` records to `keys` and `evolve` too. The runner always reads positions from them. */
  readonly progress?: boolean;
}

export interface Projection {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  /** By topic. Only the runner handles `pa.progress.v1` records, unless `progress` is set. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each topic has a part type of its own
  readonly topics: Readonly<Record<string, TopicEvolve<any>>>;
  readonly indexes: readonly IndexDefinition[];
  /**
   * Paths `part.field` of large texts, which are stored beside the document and loaded only if a query names them in
   * `bodies`.
   */
  readonly bodies?: readonly string[];
  /**
   * What most documents have in the JSON text of a part (without its bodies), exactly as JSON.stringify writes it. A
   * document with this text is plain. A read by id can leave plain documents out, and an engine may index the others
   * for that. It may change without a new version of the view, because the documents stay the same.
   */
  readonly plain?: { readonly part: string; readonly text: string };
  /** How long a batch that is not full waits for more records, ms, for views for which no request waits. Default 0. */
  readonly lingerMs?: number;
  /**
   * How long a write may wait for others, ms, so that one commit has both. The wait ends earlier when no others are to
   * be expected. It delays what readers see, and adds to `lingerMs`. Only for views without a part in an opt-out. On
   * MongoDB the checkpoint waits, and not the documents. Default 0.
   */
  readonly commitMs?: number;
  /**
   * Most decoded documents in the cache of `get`, for views that every request reads. Each `get` compares positions
   * with the store, so a cached document is never stale. Default 0.
   */
  readonly keepDecoded?: number;
  /**
   * What a document is about, for extracts (`Extracts`): `_id`, or the path of an indexed field. A written or removed
   * document removes the extracts of its subject.
   */
  readonly subject?: string;
  /**
   * A view that only processes of the release before read. It is kept up where that release has made it, and is never
   * created.
   */
  readonly former?: true;
}

type Named = Pick<Projection, 'owner' | 'name' | 'version'>;
/** One text for each projection, because a read of a view uses it as a key several times. */
const names = new WeakMap<Named, string>();
export function collectionName(projection: Named): string {
  let name = names.get(projection);
  if (name === undefined) {
    const { owner, name: view, version } = projection;
    names.set(projection, (name = `${owner}_${view}_v${version}`));
  }
  return name;
}

/** A function that computes a value once for each projection. */
export function oncePerProjection<T extends object>(
  compute: (projection: Projection) => T,
): (projection: Projection) => T {
  const known = new WeakMap<Projection, T>();
  return (projection) => {
    let value = known.get(projection);
    if (value === undefined) known.set(projection, (value = compute(projection)));
    return value;
  };
}

export type Scalar = string | number | boolean;

/** One element of an array, or all from `gte` to before `lt`, compared by UTF-8 bytes. */
export type ElementRange = string | { readonly gte: string; readonly lt: string };

/** Asks an array index of strings for the ids of documents. */
export interface IdsQuery {
  /** A declared array index. */
  readonly index: string;
  /** The values of all its fields before the array. The first one may be a list, which means any of its values. */
  readonly equals: readonly [Scalar | readonly Scalar[], ...Scalar[]] | readonly [];
  /**
   * For each entry the array has an element in at least one of its ranges. The engine starts from the first entry and
   * checks the others for each document that it finds there, so the entry that fits the fewest documents comes first.
   */
  readonly all: readonly (readonly ElementRange[])[];
  /** Only ids after this one. */
  readonly after?: string;
  readonly limit: number;
}

/** Asks an array index how many documents have its elements. */
export interface CountQuery extends Pick<IdsQuery, 'index' | 'equals' | 'all'> {
  /** Leaves out a document whose array has one of these elements. Default none. */
  readonly none?: readonly string[];
  /** Ids of documents to leave out. */
  readonly except?: readonly string[];
  /** The count ends at so many documents. */
  readonly limit: number;
}

/** A document, by its id, as the index has it. */
export interface DocumentVersion {
  readonly id: string;
  /**
   * Names the records that wrote the document. In two views of the same topics, documents of one id with equal versions
   * show the same record. Views with equal content may still have different versions.
   */
  readonly version: string;
}

export interface FindQuery {
  /** A declared index. A query has equality on a prefix of its fields, and at most one range on the next one. */
  readonly index: string;
  readonly equals?: readonly Scalar[];
  readonly range?: { readonly gt?: Scalar; readonly gte?: Scalar; readonly lt?: Scalar; readonly lte?: Scalar };
  /** Returns documents after this one: values of the fields behind the equality prefix, then `_id`. */
  readonly after?: { readonly values: readonly Scalar[]; readonly id: string };
  /** Ids of documents to leave out, before their bodies are read. */
  readonly except?: readonly string[];
  readonly limit: number;
  /** The answer ends with the document whose loaded bodies reach this many bytes in total. Default no bound. */
  readonly maxBytes?: number;
  readonly order?: 'asc' | 'desc';
  /** Body paths to load. Default none. */
  readonly bodies?: readonly string[];
  /**
   * With `keys`, a document has only its `_id` and the fields of the index behind the equality prefix, where a boolean
   * may be 0 or 1. The index alone gives them, so no document is read. With `text`, a part is its JSON text (`json`)
   * and the named bodies, for a caller that seldom needs more than a look at the text.
   */
  readonly fields?: 'all' | 'keys' | 'text';
  /**
   * For `text` with one body and a bound of bytes. An engine may then leave out the text (`json`) of plain documents
   * (`Projection.plain`), and give the bodies as parts of one buffer (`JoinedBody`). Both cost less than a value for
   * each document.
   */
  readonly joined?: true;
}

/** The body of a document in a buffer that has those of others too. */
export interface JoinedBody {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}
export const bytesOfJoined = ({ bytes, start, end }: JoinedBody): Uint8Array => bytes.subarray(start, end);

/** Asks an index for all documents that have one of several lists of values. */
export interface ValuesQuery {
  /** A declared index that is no array index. */
  readonly index: string;
  /** The values of its first fields. All lists have the same length, which is at least one. */
  readonly any: readonly (readonly Scalar[])[];
  /** As in `LoadQuery`. */
  readonly fields?: 'all' | 'text';
  /**
   * At most so many documents, whichever, for lists of one value. As many mean that there may be more. Default no
   * bound, for values of which each has few documents.
   */
  readonly limit?: number;
}

/** What a read by ids loads of the documents. With `maxBytes` the answer has those of the first ids. */
export interface LoadQuery extends Pick<FindQuery, 'bodies' | 'maxBytes'> {
  /** With `text`, a part is its JSON text (`json`) and the named bodies. Default: `all`. */
  readonly fields?: 'all' | 'text';
  /** Adds the version of each document (`DocumentVersion.version`) to it, as `_version`. Default false. */
  readonly versions?: boolean;
  /** As in `FindQuery`, for a load without `plain`. */
  readonly joined?: true;
  /**
   * Of plain documents (`Projection.plain`). With `left out`, a plain document counts as missing. With `bodies alone`,
   * the named bodies are loaded of plain documents only, so the time does not tell the size of any other document.
   */
  readonly plain?: 'left out' | 'bodies alone';
}

/** Ids that need not be put together, because most owners have no document that is asked for. */
export interface IdSet {
  /** Each id begins with one of them and a slash. */
  readonly owners: readonly string[];
  has(id: string): boolean;
  all(): readonly string[];
}

/** A document of another view on which a read depends, as the caller knows it. */
export interface KnownDocument {
  /** It keeps decoded documents (`Projection.keepDecoded`). */
  readonly projection: Projection;
  readonly id: string;
  /** As a reader of the same store gave it. Undefined if the read does not depend on it: nothing is compared then. */
  readonly document: ViewDocument | undefined;
}
/** Documents that were read while another one had not changed, or what that one is now. */
export type ReadWhile =
  { readonly documents: readonly (ViewDocument | undefined)[] } | { readonly changed: ViewDocument | undefined };
/** What `getWhile` loads. */
export type BesideLoad = Pick<LoadQuery, 'bodies' | 'fields' | 'plain'>;
