import {
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_PROVIDERS,
  PA_REGISTRY,
  PROGRESS_TYPE,
  type ReadUntil,
} from '@provider-access/events';
import type { LogRecord, Position } from '@provider-access/engines/log';
import { lastRecordsOf, type ViewDocument } from '@provider-access/engines/views';
import { memberFacts } from './projections.ts';
import { typeOfRecord } from './record.ts';
import { concernsSource } from './source-holds.ts';

// All numbers here are offsets; -1: no record has counted (ADR 0145).

const MEMBER_PARTS = Object.entries(memberFacts.topics).map(([topic, { part }]) => [topic, part] as const);
/** Each record of these topics is about somebody whom any decision may ask for. */
export const PARTY_TOPICS: ReadonlySet<string> = new Set([PA_REGISTRY, PA_PROVIDERS, PA_DIRECTORY]);
/** Of these, only holds of whole sources. */
const HOLD_TOPICS = [PA_CONSENT, PA_ATTRIBUTION] as const;

/** By topic, for each partition. */
export type ReadOfParties = Readonly<Record<string, readonly number[]>>;
/** In the order of `MEMBER_TOPICS`. */
export type ReadOfMember = readonly number[];
/** Topics with statements about a member. */
export const MEMBER_TOPICS: readonly string[] = MEMBER_PARTS.map(([topic]) => topic);

const known = new WeakMap<ViewDocument, ReadOfMember | 'unknown'>();
/**
 * The newest record of each topic that the document of a member shows. Records behind it that the view has read changed
 * nothing, so the folds of the same records give the same facts. Undefined if the document does not tell.
 */
export function readOfMember(document: ViewDocument | undefined): ReadOfMember | undefined {
  if (document === undefined) return MEMBER_TOPICS.map(() => -1);
  let found = known.get(document);
  if (found === undefined) known.set(document, (found = read(document) ?? 'unknown'));
  return found === 'unknown' ? undefined : found;
}
function read(document: ViewDocument): ReadOfMember | undefined {
  const records = lastRecordsOf(document);
  if (records === undefined) return undefined;
  const offsets = MEMBER_PARTS.map(([, part]) => Object.values(records[part] ?? {}));
  // Everything about a member is in one partition of a topic.
  return offsets.some(({ length }) => length > 1) ? undefined : offsets.map(([offset = -1]) => offset);
}

/** How far a process has read what it keeps in memory of apps, providers, the directory and whole sources. */
export class PartiesRead {
  readonly #offsets = new Map<string, number[]>();
  #snapshot: ReadOfParties | undefined;

  /** Call it with each record that the facts have taken, in the order of its partition. */
  take(record: LogRecord): void {
    const { topic, partition, offset } = record;
    const counts = PARTY_TOPICS.has(topic) ? typeOfRecord(record) !== PROGRESS_TYPE : concernsSource(record);
    if (counts) this.#raise(topic, partition, offset);
  }
  /** Holds of sources come from a view, which has read the log up to `position`. */
  resume({ topics }: { readonly topics: Position }): void {
    for (const topic of HOLD_TOPICS)
      for (const [partition, next] of (topics[topic] ?? []).entries()) this.#raise(topic, partition, next - 1);
  }
  /** The same object while nothing has changed. */
  until(): ReadOfParties {
    return (this.#snapshot ??= Object.fromEntries(Array.from(this.#offsets, ([topic, all]) => [topic, [...all]])));
  }

  #raise(topic: string, partition: number, offset: number): void {
    let offsets = this.#offsets.get(topic);
    if (offsets === undefined) this.#offsets.set(topic, (offsets = []));
    while (offsets.length <= partition) offsets.push(-1);
    if (offset <= offsets[partition]!) return;
    offsets[partition] = offset;
    this.#snapshot = undefined;
  }
}

const ofOne = new WeakMap<ReadOfMember, ReadUntil>();
/**
 * What an entry of the audit says. Of one member it is the same object while nothing has changed, because each read of
 * an app writes one.
 * @param members in the order of the entry
 */
export function readUntil(members: readonly ReadOfMember[], ofParties: ReadOfParties): ReadUntil {
  const one = members.length === 1 ? members[0] : undefined;
  const last = one && ofOne.get(one);
  if (last !== undefined && last.ofParties === ofParties) return last;
  const ofMembers = Object.fromEntries(
    MEMBER_TOPICS.map((topic, n) => [topic, members.map((offsets) => offsets[n]!)] as const),
  );
  const read: ReadUntil = { ofMembers, ofParties };
  if (one !== undefined) ofOne.set(one, read);
  return read;
}
