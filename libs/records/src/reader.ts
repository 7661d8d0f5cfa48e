import type { ViewDocument, Views } from '@provider-access/engines/views';
import { locators, records } from './projections.ts';
import { patients } from './patients.ts';
import { searchKeys } from './search-keys.ts';
import { bytesOfLine, locatorId, type LocatorPart, recordId, type RecordPart, type StoredRecord } from './record.ts';

const LINE = ['record.line'];
const PAGE = 200;

interface ScanOptions {
  /** Only these types; default all. */
  readonly types?: readonly string[];
  /** Only what was accepted at or after this time, ms since the epoch. */
  readonly since?: number;
  /** Also the tombstones of deleted records (`deleted` set, empty line). Default false. */
  readonly deleted?: boolean;
  /** Rows with their lines in memory at once. Default 200. */
  readonly pageSize?: number;
}

/** All members who have a `Type/id` now, and all others who had it once. */
interface Owners {
  readonly holders: readonly string[];
  readonly former: readonly string[];
}

function ownersOf(locator: LocatorPart | undefined): Owners {
  if (locator === undefined) return { holders: [], former: [] };
  const { members, member } = locator;
  const otherHolders = Object.keys(members)
    .filter((m) => m !== member)
    .toSorted();
  const has = (m: string): boolean => members[m]?.deleted !== true;
  if (locator.deleted === true) return { holders: [], former: [member, ...otherHolders] };
  return { holders: [member, ...otherHolders.filter(has)], former: otherHolders.filter((m) => !has(m)) };
}

const part = (document: ViewDocument): RecordPart & { line?: string | Uint8Array } =>
  document['record'] as RecordPart & { line?: string | Uint8Array };

function stored(document: ViewDocument): StoredRecord {
  const record = part(document);
  return { ...record, line: bytesOfLine(record.line) };
}

export type RecordsReader = ReturnType<typeof recordsReader>;

/** Reads the views of records. Errors of the store pass through. */
export function recordsReader(views: Views) {
  const byRecord = views.reader(records);
  const byLocator = views.reader(locators);

  async function owners(type: string, id: string): Promise<Owners> {
    const document = await byLocator.get(locatorId(type, id));
    return ownersOf(document?.['locator'] as LocatorPart | undefined);
  }
  /** The records with their lines, in the order of `ids`, deleted records included. */
  async function load(ids: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    return (await byRecord.getMany(ids, { bodies: LINE })).map((document) => document && stored(document));
  }
  /**
   * The live record, or the tombstone of a deleted one (`deleted` set). A tombstone has a line only if a read answers
   * with it: a prior authorization that was entered in error.
   */
  async function current(member: string, type: string, id: string): Promise<StoredRecord | undefined> {
    const document = await byRecord.get(recordId(member, type, id), { bodies: LINE });
    return document && stored(document);
  }

  /** Reads ids first and lines afterwards. Few resources changed since the given time, so most lines are not loaded. */
  async function* changed(
    equals: readonly string[],
    wanted: (r: RecordPart) => boolean,
    pageSize: number,
  ): AsyncGenerator<StoredRecord> {
    let ids: string[] = [];
    async function* loaded(): AsyncGenerator<StoredRecord> {
      for (const record of await load(ids)) if (record !== undefined && wanted(record)) yield record;
      ids = [];
    }
    for await (const document of byRecord.scan({ index: 'by_type', equals, pageSize: PAGE })) {
      if (wanted(part(document))) ids.push(document._id);
      if (ids.length >= pageSize) yield* loaded();
    }
    yield* loaded();
  }

  /** A member's resources in the order of type and id, with lines as bytes. Safe while a writer changes the view. */
  async function* scanMember(member: string, options: ScanOptions = {}): AsyncIterable<StoredRecord> {
    const { since, deleted = false, pageSize = PAGE } = options;
    const wanted = (r: RecordPart): boolean =>
      (deleted || r.deleted !== true) && (since === undefined || r.lastUpdated >= since);
    const prefixes =
      options.types === undefined ? [[member]] : [...new Set(options.types)].toSorted().map((type) => [member, type]);
    for (const equals of prefixes) {
      if (since !== undefined) yield* changed(equals, wanted, pageSize);
      else
        for await (const document of byRecord.scan({ index: 'by_type', equals, bodies: LINE, pageSize }))
          if (wanted(part(document))) yield stored(document);
    }
  }

  return {
    /** The views themselves, for their positions and for searches. */
    views: {
      records: byRecord,
      locators: byLocator,
      search: views.reader(searchKeys),
      patients: views.reader(patients),
    },
    /** The live record, or undefined. The id is the whole key, so this needs no search. */
    async byTypeId(member: string, type: string, id: string): Promise<StoredRecord | undefined> {
      const record = await current(member, type, id);
      return record?.deleted === true ? undefined : record;
    },
    current,
    load,
    /** Records without their lines, deleted records included. */
    async heads(ids: readonly string[]): Promise<readonly (RecordPart | undefined)[]> {
      return (await byRecord.getMany(ids)).map((document) => document && part(document));
    },
    /** All members who have `Type/id` now. There can be several only for types without a patient, as Medication. */
    holders: async (type: string, id: string) => (await owners(type, id)).holders,
    owners,
    scanMember,
  };
}
