import {
  decide,
  visibleSince,
  type ClientFacts,
  type DenialReason,
  type HoldFact,
  type NetworkFact,
  type PartyFacts,
} from '@provider-access/domain/access';
import type { Blobs } from '@provider-access/engines/blob';
import type { ProviderKey } from '@provider-access/events';
import { toMemberFacts } from '@provider-access/facts/views';
import type { Clock } from '@provider-access/kernel';
import { broughtType, type LabelGate, type RecordPart, type RecordsReader } from '@provider-access/facts/records';
import type { ViewReader } from '@provider-access/engines/views';
import { MEMBERS_OF_SUPPORTING, SegmentBuilder } from '../domain/segments/index.ts';
import { chunkPrefix } from './job-files.ts';
import { PartSet, type PartLimits } from './part-set.ts';
import type { ChunkSummary, CarriedBy } from './chunk-summary.ts';

/**
 * Party facts at the start of a chunk, for the thread that writes it. Seal and download decide again on newer facts.
 */
export interface PartySnapshot {
  readonly client: ClientFacts | undefined;
  readonly network: readonly (readonly [ProviderKey, readonly NetworkFact[]])[];
  readonly sourceHolds: readonly (readonly [string, readonly HoldFact[]])[];
  /** Identifiers of each provider that has several. */
  readonly identities: readonly (readonly [ProviderKey, readonly ProviderKey[]])[];
  /** RFC 3339 instant of the newest event in these facts. */
  readonly asOf: string | undefined;
}
/** A task for a worker thread. It must be structured-clonable. */
export interface ChunkTask {
  readonly job: string;
  readonly chunk: number;
  readonly fence: number;
  readonly client: string;
  readonly group: string;
  readonly types: readonly string[];
  /** ms since the epoch */
  readonly since?: number;
  readonly members: readonly string[];
  readonly party: PartySnapshot;
  readonly limits?: PartLimits;
}
export interface ChunkSources {
  readonly records: RecordsReader;
  readonly facts: ViewReader;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly labels: LabelGate;
}

/** A record that is not withheld, and the labels that decided. */
interface Unwithheld<R> {
  readonly record: R;
  readonly labels: readonly string[];
}

/** Types without a patient that are kept under a member. Two members may have the same resource. */
const MAY_BE_COMMON = new Set(['Medication']);
/** For more types than this, one scan of all records is cheaper than a scan of each type. */
const SCAN_ALL_ABOVE = 8;
const DELETES_A_BUNDLE = 1000;
/** Lines in one read. Intake accepts at most 4 MB for a line, so this bounds the thread's memory. */
const ROWS_TOGETHER = 32;

class Carried {
  private readonly by = new Map<string, number[]>();
  add(reference: string, member: number): void {
    const members = this.by.get(reference);
    if (members === undefined) this.by.set(reference, [member]);
    else if (members.at(-1) !== member && members.length < MEMBERS_OF_SUPPORTING) members.push(member);
  }
  has(reference: string, member: number): boolean {
    return this.by.get(reference)?.at(-1) === member;
  }
  without(other: Carried): CarriedBy[] {
    return this.all().filter(([reference]) => !other.by.has(reference));
  }
  all(): CarriedBy[] {
    return [...this.by].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

function partyOf(snapshot: PartySnapshot): PartyFacts {
  const network = new Map(snapshot.network);
  const holds = new Map(snapshot.sourceHolds);
  const identities = new Map(snapshot.identities);
  return {
    client: (id) => (snapshot.client?.client === id ? snapshot.client : undefined),
    network: (p) => network.get(p) ?? [],
    sourceHolds: (s) => holds.get(s) ?? [],
    identity: (p) => identities.get(p) ?? [p],
    asOf: () => snapshot.asOf,
  };
}
const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((label, at) => label === b[at]));
const deleteBundle = (ids: readonly string[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: ids.map((url) => ({ request: { method: 'DELETE', url } })),
    }),
  );

/**
 * Writes a chunk. Decides about each member, then appends the lines of permitted members: each type to its own part,
 * and a segment for each patient. All files are under the fence of the task, so that a repeated chunk replaces them as
 * a whole. Memory is bounded by twice ROWS_TOGETHER lines, one segment (8 MB) and a stretch for each type.
 * @throws BlobStoreFull when the disk is full, and any error of the store
 */
export async function writeChunk(
  task: ChunkTask,
  { records, facts, blobs, clock, labels }: ChunkSources,
): Promise<ChunkSummary> {
  const party = partyOf(task.party);
  const check = labels.check(party, task.client);
  const prefix = chunkPrefix(task.job, task.chunk, task.fence);
  const parts = new PartSet(blobs, prefix, String(task.chunk), task.limits);
  const types = new Set(task.types);
  const released: string[] = [];
  const refused: Partial<Record<DenialReason, string[]>> = {};
  const references = new Carried();
  const unchanged = new Carried();
  const common = new Carried();
  try {
    for (const member of task.members) {
      const document = await facts.get(member);
      const request = {
        client: task.client,
        purpose: { kind: 'export' as const, group: task.group },
        member,
        now: new Date(clock.now()).toISOString(),
      };
      const memberFacts = document && toMemberFacts(document);
      const decision = decide(request, { member: memberFacts, party });
      if (!decision.permit) {
        (refused[decision.reason] ??= []).push(member);
        continue;
      }
      const at = released.push(member) - 1;
      // A member that became visible after `_since` is exported as a whole.
      const since =
        task.since !== undefined && visibleSince(request, { member: memberFacts, party }) < task.since
          ? task.since
          : undefined;
      await writeMember(member, at, since);
    }
    return {
      v: 1,
      parts: await parts.commit(),
      released,
      refused,
      references: references.all(),
      unchanged: unchanged.without(references),
      common: common.all(),
    };
  } catch (error) {
    await parts.abort();
    throw error;
  }

  function carry({ type, references: found }: Pick<RecordPart, 'type' | 'references'>, to: Carried, at: number): void {
    for (const reference of found) if (types.has(broughtType(type, reference) ?? '')) to.add(reference, at);
  }

  /** Whether an unchanged record, of which only the head was read, brings along something that nothing else does. */
  function brings({ type, references: found }: RecordPart, at: number): boolean {
    return found.some((r) => types.has(broughtType(type, r) ?? '') && !unchanged.has(r, at));
  }

  async function* ofTypes<R extends RecordPart>(some: AsyncIterable<R>): AsyncGenerator<R> {
    for await (const record of some) if (types.has(record.type)) yield record;
  }

  /**
   * The records that are not withheld, with the labels that decide about each. Records come together until there are
   * ROWS_TOGETHER, because one query finds the targets of many Provenances.
   */
  async function* unwithheld<R extends RecordPart>(some: AsyncIterable<R>): AsyncGenerator<Unwithheld<R>> {
    let waiting: R[] = [];
    for await (const record of some) {
      waiting.push(record);
      if (waiting.length < ROWS_TOGETHER) continue;
      yield* decided(waiting);
      waiting = [];
    }
    yield* decided(waiting);
  }
  async function* decided<R extends RecordPart>(some: readonly R[]): AsyncGenerator<Unwithheld<R>> {
    const decisions = await check.decideEach(some);
    for (const [i, record] of some.entries()) {
      const { withheld, labels } = decisions[i]!;
      if (!withheld) yield { record, labels };
    }
  }

  async function writeMember(member: string, at: number, since: number | undefined): Promise<void> {
    const only = types.size > SCAN_ALL_ABOVE ? undefined : task.types;
    const builder = new SegmentBuilder(task.limits?.segment);
    let current = '';
    let labelled: readonly string[] = [];
    const end = async (): Promise<void> => {
      const segment = builder.end();
      if (segment !== undefined) await parts.add('output', current, [member], segment, labelled);
    };
    const scanned = records.scanMember(member, {
      pageSize: ROWS_TOGETHER,
      ...(only !== undefined && { types: only }),
      ...(since !== undefined && { since }),
    });
    for await (const { record, labels: found } of unwithheld(ofTypes(scanned))) {
      // The labels of a segment are in the index, so that a download can apply another policy than this one.
      if (record.type !== current || !isSame(found, labelled)) {
        await end();
        current = record.type;
        labelled = found;
      }
      carry(record, references, at);
      if (MAY_BE_COMMON.has(record.type) && (await records.holders(record.type, record.id)).length > 1) {
        common.add(`${record.type}/${record.id}`, at);
        continue;
      }
      const segment = builder.add(record.line);
      if (segment !== undefined) await parts.add('output', current, [member], segment, labelled);
    }
    await end();
    if (task.since !== undefined) await writeChanges(member, at, task.since, since !== undefined);
  }

  /** Writes the deletes of a delta, and collects the references of unchanged resources. */
  async function writeChanges(member: string, at: number, since: number, partial: boolean): Promise<void> {
    let gone: string[] = [];
    const flush = async (): Promise<void> => {
      if (gone.length === 0) return;
      const builder = new SegmentBuilder();
      const segment = builder.add(deleteBundle(gone)) ?? builder.end();
      await parts.add('deleted', 'Bundle', [member], segment!);
      gone = [];
    };
    async function* changes(): AsyncGenerator<RecordPart> {
      for await (const document of records.views.records.scan({ index: 'by_type', equals: [member] })) {
        const record = document['record'] as RecordPart;
        if (!types.has(record.type)) continue;
        if (record.deleted === true ? record.lastUpdated >= since : partial && brings(record, at)) yield record;
      }
    }
    // The delete of a resource that the client never saw would reveal that it existed.
    for await (const { record } of unwithheld(changes())) {
      if (record.deleted !== true) {
        carry(record, unchanged, at);
        continue;
      }
      // A merge moved the resource to another member. Do not list a delete, because the client has just received the
      // resource under the other member.
      if ((await records.holders(record.type, record.id)).length > 0) continue;
      gone.push(`${record.type}/${record.id}`);
      if (gone.length >= DELETES_A_BUNDLE) await flush();
    }
    await flush();
  }
}
