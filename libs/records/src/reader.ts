import type { IdSet, KnownDocument, LoadQuery, ViewDocument, ViewReader, Views } from '@provider-access/engines/views';
import { records } from './projections.ts';
import { patients } from './patients.ts';
import { searchKeys } from './search-keys.ts';
import { bytesOfLine, memberOfRecord, nameOf, recordId, type RecordPart, type StoredRecord } from './record.ts';

const LINE = ['record.line'];
const PAGE = 200;
/** Heads of one `Type/id` in one query, as many as mostly tell whether several members have it. */
const FEW = 16;

interface ScanOptions {
  /** Only these types; default all. */
  readonly types?: readonly string[];
  /** Only what was accepted at or after this time, ms since the epoch. */
  readonly since?: number;
  /** Also the tombstones of deleted records (`deleted` set, empty line). Default false. */
  readonly deleted?: boolean;
  /** Rows with their lines in memory at once. Default 200. */
  readonly pageSize?: number;
  /** Bytes of lines in memory at once, and those of one more line. Default no bound. */
  readonly pageBytes?: number;
}

/** The members of a `Type/id`: those who have it now, and those who had it once. */
export interface Owners {
  readonly holders: readonly string[];
  readonly former: readonly string[];
}
/** A member who has a resource now, or had it once. */
export interface Holding {
  readonly member: string;
  readonly hasNow: boolean;
}
/** A resource by its name, whoever has it. */
export interface NamedResource {
  readonly type: string;
  readonly id: string;
}

const part = (document: ViewDocument): RecordPart & { line?: string | Uint8Array } =>
  document['record'] as RecordPart & { line?: string | Uint8Array };

function stored(document: ViewDocument): StoredRecord {
  const record = part(document);
  return { ...record, line: bytesOfLine(record.line) };
}

/** A record as the view has it: the JSON text of its head, and its line if that was loaded. */
export interface FoundRecord {
  readonly text: string;
  readonly line?: string | Uint8Array;
}
/** The head of a found record. Equal texts are equal heads, so nobody has to parse the second one. */
export const headOf = ({ text }: FoundRecord): RecordPart => JSON.parse(text) as RecordPart;
/** Whether the JSON text of a head is of a tombstone. No value can contain what it looks for, as with `unlabelled`. */
export const isTombstone = (text: string): boolean => text.includes('deleted":true');

type Lines = 'none' | 'of unlabelled' | 'all';
const loadOf = (lines: Lines): Omit<LoadQuery, 'maxBytes'> => ({
  fields: 'text',
  ...(lines !== 'none' && { bodies: LINE }),
  ...(lines === 'of unlabelled' && { plain: 'bodies alone' }),
});
function foundIn(document: ViewDocument | undefined): FoundRecord | undefined {
  const found = document?.['record'] as { readonly json: string; readonly line?: Uint8Array } | undefined;
  return found && { text: found.json, ...(found.line !== undefined && { line: found.line }) };
}

/** The member whose version was accepted last comes first, then the others by name. */
export function ownersOf(heads: readonly Pick<RecordPart, 'member' | 'lastUpdated' | 'deleted'>[]): Owners {
  const living = heads.filter(({ deleted }) => deleted !== true);
  let first: (typeof heads)[number] | undefined;
  for (const head of living.length > 0 ? living : heads) {
    const later = head.lastUpdated - (first?.lastUpdated ?? Number.NEGATIVE_INFINITY);
    if (later > 0 || (later === 0 && head.member < first!.member)) first = head;
  }
  if (first === undefined) return { holders: [], former: [] };
  const others = heads.filter((head) => head !== first).toSorted((a, b) => (a.member < b.member ? -1 : 1));
  const membersOf = (some: typeof heads): readonly string[] => some.map(({ member }) => member);
  if (living.length === 0) return { holders: [], former: membersOf([first, ...others]) };
  return {
    holders: membersOf([first, ...others.filter(({ deleted }) => deleted !== true)]),
    former: membersOf(others.filter(({ deleted }) => deleted === true)),
  };
}

/** Reads the views of records. Errors of the store pass through. */
export class RecordsReader {
  /** The views themselves, for their positions and for searches. */
  readonly views: Readonly<Record<'records' | 'search' | 'patients', ViewReader>>;
  constructor(views: Views) {
    this.views = {
      records: views.reader(records),
      search: views.reader(searchKeys),
      patients: views.reader(patients),
    };
  }

  /** The live record, or undefined. The id is the whole key, so this needs no search. */
  async byTypeId(member: string, type: string, id: string): Promise<StoredRecord | undefined> {
    const record = await this.current(member, type, id);
    return record?.deleted === true ? undefined : record;
  }

  /**
   * The live record, or the tombstone of a deleted one (`deleted` set). A tombstone has a line only if a read answers
   * with it: a prior authorization that was entered in error.
   */
  async current(member: string, type: string, id: string): Promise<StoredRecord | undefined> {
    const document = await this.views.records.get(recordId(member, type, id), { bodies: LINE });
    return document === undefined ? undefined : stored(document);
  }

  /** The records with their lines, in the order of `ids`, deleted records included. */
  async load(ids: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    const found = ids.length === 0 ? [] : await this.views.records.getMany(ids, { bodies: LINE });
    return found.map((document) => (document === undefined ? undefined : stored(document)));
  }

  /**
   * Records as the view has them, deleted records included.
   * @param lines which lines are loaded: none, all, or those of records without labels. The last one keeps the size of
   * a record with a label out of the response time.
   */
  async find(ids: readonly string[], lines: Lines): Promise<readonly (FoundRecord | undefined)[]> {
    return (await this.views.records.getMany(ids, loadOf(lines))).map(foundIn);
  }

  /**
   * The same, if a document of another view has not changed since the caller read it. Else no line is loaded, and the
   * answer says what that document is now.
   */
  async findWhile(
    known: KnownDocument,
    ids: readonly string[],
    lines: Lines,
  ): Promise<
    { readonly records: readonly (FoundRecord | undefined)[] } | { readonly changed: ViewDocument | undefined }
  > {
    const read = await this.views.records.getWhile(known, ids, loadOf(lines));
    return 'changed' in read ? read : { records: read.documents.map(foundIn) };
  }

  /**
   * The heads of those records that may have labels, deleted ones included. An index has these few records alone. So
   * the number of ids costs little, and nothing where the owners have no such record.
   */
  async labelledHeads(among: IdSet): Promise<readonly RecordPart[]> {
    return (await this.views.records.others(among)).map(part);
  }

  /** A record without its line, deleted records included. */
  async heads(ids: readonly string[]): Promise<readonly (RecordPart | undefined)[]> {
    const found = await this.views.records.getMany(ids);
    return found.map((document) => (document === undefined ? undefined : part(document)));
  }

  /** The heads of several resources, each of all members, by `Type/id`. A resource that nobody had is absent. */
  async namedEach(resources: readonly NamedResource[]): Promise<ReadonlyMap<string, readonly RecordPart[]>> {
    const found = await this.views.records.having({ index: 'by_id', any: resources.map(({ type, id }) => [id, type]) });
    return Map.groupBy(found.map(part), ({ type, id }) => nameOf(type, id));
  }

  /**
   * All members who have each of several resources now or had it once, by `Type/id`. A resource that nobody had is
   * absent. The id of a document and the text of its head tell, so no head is parsed: a Provenance may name thousands.
   */
  async holdingEach(resources: readonly NamedResource[]): Promise<ReadonlyMap<string, readonly Holding[]>> {
    const any = resources.map(({ type, id }) => [id, type]);
    const found = await this.views.records.having({ index: 'by_id', any, fields: 'text' });
    const each = new Map<string, Holding[]>();
    for (const document of found) {
      const member = memberOfRecord(document._id);
      const name = document._id.slice(member.length + 1);
      const holding = { member, hasNow: !isTombstone(foundIn(document)!.text) };
      const others = each.get(name);
      if (others === undefined) each.set(name, [holding]);
      else others.push(holding);
    }
    return each;
  }

  /** All members who have `Type/id` now. There can be several only for types without a patient, such as Medication. */
  async holders(type: string, id: string): Promise<readonly string[]> {
    return (await this.owners(type, id)).holders;
  }

  /** All members who have `Type/id` now, and all others who had it once. */
  async owners(type: string, id: string): Promise<Owners> {
    const found = await this.views.records.having({ index: 'by_id', any: [[id, type]], fields: 'text' });
    const [first] = found;
    // Mostly one member has it, so there is nothing to compare.
    if (first !== undefined && found.length === 1) {
      const owner = [first._id.slice(0, first._id.indexOf('/'))];
      return isTombstone(foundIn(first)!.text) ? { holders: [], former: owner } : { holders: owner, former: [] };
    }
    return ownersOf(found.map((document) => headOf(foundIn(document)!)));
  }

  /** Whether at least so many members have `Type/id` now. It reads few heads, however many members have it. */
  async isHeldBy(members: number, type: string, id: string): Promise<boolean> {
    let living = 0;
    const named = { index: 'by_id', equals: [id, type], pageSize: FEW };
    for await (const document of this.views.records.scan(named))
      if (part(document).deleted !== true && (living += 1) >= members) return true;
    return false;
  }

  /** A member's resources in the order of type and id, with lines as bytes. Safe while a writer changes the view. */
  async *scanMember(member: string, options: ScanOptions = {}): AsyncIterable<StoredRecord> {
    const { since, deleted = false, pageSize = PAGE, pageBytes: maxBytes } = options;
    const bound = maxBytes === undefined ? {} : { maxBytes };
    const wanted = (r: RecordPart): boolean =>
      (deleted || r.deleted !== true) && (since === undefined || r.lastUpdated >= since);
    const prefixes =
      options.types === undefined ? [[member]] : [...new Set(options.types)].toSorted().map((type) => [member, type]);
    for (const equals of prefixes) {
      if (since !== undefined) yield* this.#changed(equals, wanted, { pageSize, ...bound });
      else {
        const scanned = this.views.records.scan({ index: 'by_type', equals, bodies: LINE, pageSize, ...bound });
        for await (const document of scanned) if (wanted(part(document))) yield stored(document);
      }
    }
  }

  /** Reads ids first and lines afterwards. Few resources changed since the given time, so most lines are not loaded. */
  async *#changed(
    equals: readonly string[],
    wanted: (r: RecordPart) => boolean,
    { pageSize, maxBytes = Number.POSITIVE_INFINITY }: { pageSize: number; maxBytes?: number },
  ): AsyncGenerator<StoredRecord> {
    let ids: string[] = [];
    let bytes = 0;
    for await (const document of this.views.records.scan({ index: 'by_type', equals, pageSize: PAGE })) {
      const head = part(document);
      if (!wanted(head)) continue;
      ids.push(document._id);
      bytes += head.bytes;
      if (ids.length < pageSize && bytes < maxBytes) continue;
      yield* await this.#loaded(ids, wanted);
      ids = [];
      bytes = 0;
    }
    yield* await this.#loaded(ids, wanted);
  }

  async #loaded(ids: readonly string[], wanted: (r: RecordPart) => boolean): Promise<readonly StoredRecord[]> {
    return (await this.load(ids)).filter((record) => record !== undefined && wanted(record)) as StoredRecord[];
  }
}
