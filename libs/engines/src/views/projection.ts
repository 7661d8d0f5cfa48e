import type { LogRecord } from '@provider-access/engines/log';

/**
 * The view port (docs/architecture.md#the-life-of-an-event): documents built from `pa.*`, read by key and by declared
 * indexes only.
 */

/**
 * `_id` and parts by name; a topic writes only its own part. Fields are addressed `part.field`. A reader never changes
 * a document, because two readers may get the same object.
 */
export type ViewDocument = { readonly _id: string } & { readonly [part: string]: unknown };

export interface IndexDefinition {
  readonly name: string;
  /** Paths `part.field`; the last may be an array (membership) when `array` is set. */
  readonly fields: readonly string[];
  readonly array?: boolean;
  readonly unique?: boolean;
}

export interface TopicEvolve<Part = unknown> {
  /** The sub-object this topic owns in the document. */
  readonly part: string;
  /** Ids of the documents a record concerns; [] passes it over. Record headers hold the type: look before parsing. */
  keys(record: LogRecord): readonly string[];
  /**
   * The part after the record: `null` removes it (a document without parts is removed), `undefined` leaves it.
   * Pure: no clock, no ids, no other part. With `blind`, `part` is always undefined and nothing is loaded first.
   */
  evolve(part: Part | undefined, record: LogRecord, key: string): Part | null | undefined;
  readonly blind?: boolean;
  /**
   * The part after a record at which `evolve` threw, or whose document could not be written: as with `evolve`, `null`
   * removes it and `undefined` leaves it. The view goes on behind the record, so the part must not show or permit what
   * the record may have taken back. Called with an undefined part when the part that is there cannot be used. Pure, as
   * `evolve`. Default: the part is removed.
   */
  failed?(part: Part | undefined, record: LogRecord, key: string): Part | null | undefined;
  /** Offer `pa.progress.v1` records to `keys` and `evolve` as well (the runner always reads positions from them). */
  readonly progress?: boolean;
}

export interface Projection {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  /** By topic. `pa.progress.v1` records are handled by the runner, not by evolve, unless `progress` is set. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each topic has a part type of its own
  readonly topics: Readonly<Record<string, TopicEvolve<any>>>;
  readonly indexes: readonly IndexDefinition[];
  /**
   * Paths stored raw beside the document and loaded only when asked for (`fields`): large encoded text. At most one
   * part.field each.
   */
  readonly bodies?: readonly string[];
  /**
   * How long records may wait for more before they are projected, ms. Default 0. For views that no answer waits for.
   */
  readonly lingerMs?: number;
  /**
   * Documents that `get` may keep decoded, for views that every request reads. The store is asked each time: one is
   * used again only while the positions of its parts are the same. Default 0.
   */
  readonly keepDecoded?: number;
}

export const collectionName = (p: Pick<Projection, 'owner' | 'name' | 'version'>): string =>
  `${p.owner}_${p.name}_v${p.version}`;

export type Scalar = string | number | boolean;

export interface FindQuery {
  /** Name of a declared index: equality on a prefix of its fields, at most one range on the next. */
  readonly index: string;
  readonly equals?: readonly Scalar[];
  readonly range?: { readonly gt?: Scalar; readonly gte?: Scalar; readonly lt?: Scalar; readonly lte?: Scalar };
  /** Keyset: values of the index fields after the equality prefix, then `_id`: strictly after this. */
  readonly after?: { readonly values: readonly Scalar[]; readonly id: string };
  readonly limit: number;
  readonly order?: 'asc' | 'desc';
  /** Body paths to load. Default none. */
  readonly bodies?: readonly string[];
  /**
   * `indexed`: fields of declared indexes are enough (and the bodies asked for): others may be missing, a boolean may
   * come as 0 or 1. Spares a parse a document.
   */
  readonly fields?: 'all' | 'indexed';
}
