import { PA_RECORDS, typeOf } from '@provider-access/events';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { RECORD_DELETED, isFirstVersion, recordKeys } from './record-events.ts';
import { VERSION_HEADER } from './record.ts';

/** The owners of a `Type/id`. `members` holds everyone who ever had it; `member` is the one who has it now. */
interface LocatorPart {
  readonly member: string;
  /** True if nobody has it now. */
  readonly deleted?: true;
  readonly members: Readonly<Record<string, LocatorEntry>>;
}
interface LocatorEntry {
  /** When the record was accepted, ms since the epoch. */
  readonly at: number;
  /** The versionId. */
  readonly v?: number;
  readonly deleted?: true;
}

/**
 * Events of two members reach this view in any order (they are in different partitions), so the part keeps the state of
 * each member. The member that has the resource and was accepted last is the holder, in whatever order the events came.
 */
function locate(
  part: LocatorPart | undefined,
  member: string,
  entry: LocatorPart['members'][string],
): LocatorPart | undefined {
  // A late event of an instance that lost its partition. Its successor has seen everything that this instance saw, and
  // more.
  if (entry.v !== undefined && entry.v < (part?.members[member]?.v ?? 0)) return undefined;
  const members = { ...part?.members, [member]: entry };
  let holder: string | undefined;
  for (const [name, { at, deleted }] of Object.entries(members)) {
    if (
      deleted !== true &&
      (holder === undefined || at > members[holder]!.at || (at === members[holder]!.at && name < holder))
    )
      holder = name;
  }
  return holder === undefined ? { member, deleted: true, members } : { member: holder, members };
}

const fromRecordsLocator: TopicEvolve<LocatorPart> = {
  part: 'locator',
  keys(record) {
    if (recordKeys(record).length === 0) return [];
    return [record.key.slice(record.key.indexOf('/') + 1)];
  },
  begins: isFirstVersion,
  evolve(part, record) {
    const member = record.key.slice(0, record.key.indexOf('/'));
    const at = Date.parse(record.headers['ce_time'] ?? '');
    const version = record.headers[VERSION_HEADER];
    return locate(part, member, {
      at,
      ...(version !== undefined && { v: Number(version) }),
      ...(typeOf(record) === RECORD_DELETED && { deleted: true as const }),
    });
  },
};

/**
 * `Type/id` -> member, as processes of the release before read it: export asks it about deletes and Medications. This
 * release finds the members of a `Type/id` in the view `records` (ADR 0093). Delete this file and its uses.
 * @until 0.4.0
 */
export const locators: Projection = {
  owner: 'resources',
  name: 'locators',
  version: 1,
  topics: { [PA_RECORDS]: fromRecordsLocator },
  commitMs: 100,
  indexes: [],
  former: true,
};
