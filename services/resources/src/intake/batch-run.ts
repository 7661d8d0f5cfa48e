import {
  CLOCK_TOLERANCE_MS,
  type Counts,
  type FaultReason,
  PAYER_CONTRACT,
  type ServiceLevelStarted,
  typeOf,
} from '@provider-access/events';
import { shortcomingName } from '@provider-access/domain/pdex/feeds';
import { DEFAULT_LABEL_POLICY, type LabelPolicy, unknownLabels } from '@provider-access/domain/pdex/labels';
import {
  type Batch,
  deadLetterId,
  type LogRecord,
  type NewRecord,
  type OutcomeRow,
  deadLetterRecord,
} from '@provider-access/engines/log';
import { isHistory, StartedFeeds } from '@provider-access/domain/pdex/service-levels';
import { keepData, recordId, VERSION_HEADER } from '@provider-access/facts/records';
import { type Decided, decideVersion, type Head, type RecordEvent, takeOver } from '../domain/decide.ts';
import type { CheckedResource, Judgement } from '../domain/judge.ts';
import { standingOf } from '../domain/version-order.ts';
import type { CheckedEvent } from './feed-record.ts';
import type { Ownership } from './ownership.ts';
import type { ReadEvent } from './read-event.ts';
import { isRetirement } from './retire-authorizations.ts';
import type { Superseded } from './version-keeper.ts';

export type Versioned = Extract<Judgement, { kind: 'accept' | 'remove' }>;

export const isVersioned = (e: ReadEvent): e is ReadEvent & { judgement: Versioned } =>
  e.judgement.kind === 'accept' || e.judgement.kind === 'remove';

export const idOf = ({ about }: Versioned): string => recordId(about.member, about.type, about.id);

type Told = Pick<OutcomeRow, 'removed' | 'unresolved' | 'lacks' | 'unknownLabels'>;

/** History has no service level. A dead letter that is replayed has, however long it waited. */
const isMeasured = ({ headers, timestamp }: LogRecord, at: number): boolean =>
  headers['ce_pareplayof'] !== undefined || !isHistory(at, timestamp);

/** Decides the events of a batch in order. Each decision updates the heads for the next event. */
export class BatchRun {
  readonly records: NewRecord[] = [];
  readonly deadLetters: NewRecord[] = [];
  readonly outcomes: OutcomeRow[] = [];
  readonly changed = new Map<string, Head>();
  /** The versions that the batch replaces. */
  readonly superseded: Superseded[] = [];
  /** Lines of the current versions that the batch wrote, by record id. */
  readonly lines = new Map<string, Uint8Array>();
  /** Claims and prior authorizations that became a record, with their business time. */
  readonly starts: ServiceLevelStarted['starts'] = [];
  readonly feeds: StartedFeeds;
  /** The resources that became a record or that the policy of profiles refused, with what they lack. */
  readonly checked: CheckedEvent[] = [];
  private readonly sources = new Map<NewRecord, ReadEvent>();
  private readonly batch: Batch;
  private readonly heads: Map<string, Head>;
  private readonly stamp: number;

  private readonly labels: LabelPolicy;

  private readonly lineInFlight: (id: string) => Uint8Array | undefined;

  /**
   * `stamp`: recorded time, ms since the epoch. `lineInFlight`: the line of a record that an earlier batch wrote, if it
   * is still in memory. `feeds` counts the events that are no dead letters. `labels`: the policy whose unknown labels
   * are counted.
   */
  constructor(
    batch: Batch,
    heads: Map<string, Head>,
    stamp: number,
    lineInFlight: (id: string) => Uint8Array | undefined = () => undefined,
    feeds = new StartedFeeds(stamp, Number.NEGATIVE_INFINITY),
    labels: LabelPolicy = DEFAULT_LABEL_POLICY,
  ) {
    this.labels = labels;
    this.feeds = feeds;
    this.batch = batch;
    this.heads = heads;
    this.stamp = stamp;
    this.lineInFlight = lineInFlight;
  }

  /** The event from which one of our records was made. */
  sourceOf(record: NewRecord | undefined): ReadEvent | undefined {
    return record === undefined ? undefined : this.sources.get(record);
  }

  take(event: ReadEvent, owners: Awaited<ReturnType<Ownership['prepare']>>): void {
    const { judgement } = event;
    switch (judgement.kind) {
      case 'other':
      case 'merge':
        return this.hearOther(event.record);
      case 'dead-letter':
        if (judgement.checked !== undefined) this.checked.push({ record: event.record, ...judgement.checked });
        return this.deadLetter(event, judgement.reason, judgement.detail, judgement.about);
      case 'not-served':
        return this.outcome(event, 'not-served', judgement.about);
      case 'accept':
      case 'remove':
        return this.version(event, judgement, owners);
    }
  }

  private version(event: ReadEvent, judgement: Versioned, owners: Awaited<ReturnType<Ownership['prepare']>>): void {
    const { about } = judgement;
    const name = `${about.type}/${about.id}`;
    const id = idOf(judgement);
    if (judgement.kind === 'accept') {
      if (owners.anotherHolds(judgement.targets ?? [], about.member))
        return this.deadLetter(
          event,
          'names-another-member',
          `${about.type}.target names a resource that belongs to another member`,
          name,
        );
      const other = owners.otherOwner(about);
      if (other !== undefined && !owners.mayTakeOver(other, about.member))
        return this.deadLetter(
          event,
          'owned-by-another-member',
          'this Type/id belongs to another member until a delete or merge releases it',
          name,
        );
      if (other !== undefined) {
        // Both ids share one order of versions, so an event that is older than the copy under the retired id is
        // superseded.
        const theirs = this.heads.get(recordId(other, about.type, about.id));
        if (theirs !== undefined && theirs.deleted !== true && standingOf(about.order, theirs) === 'older') {
          this.hear(about, false);
          return this.outcome(event, 'superseded', name);
        }
        this.release(event, about, other);
      }
    }
    const head = this.heads.get(id);
    const decided = decideVersion(judgement, head, Math.max(this.stamp, (head?.lastUpdated ?? 0) + 1));
    if (decided.outcome === 'parked')
      return this.deadLetter(
        event,
        decided.reason as FaultReason,
        'an earlier event with this id has other content: give the event a new id',
        name,
      );
    this.hear(about, decided.outcome === 'recorded');
    this.apply(event, id, decided);
    if (
      judgement.kind === 'accept' &&
      judgement.objective !== undefined &&
      decided.outcome === 'recorded' &&
      isMeasured(event.record, about.order.businessTime)
    )
      this.starts.push({ objective: judgement.objective, offset: event.record.offset, at: about.order.businessTime });
    const after = this.heads.get(id);
    if (after !== undefined && after.deleted !== true) {
      if (judgement.kind === 'accept') owners.took(about);
    } else if (
      judgement.kind === 'accept' ||
      (head !== undefined && (head.deleted !== true || decided.event === undefined))
    ) {
      // Release the id, because no member has the resource any more. Do so for a redelivery too, because the first
      // release may have been lost.
      owners.removed(about);
    }
    if (judgement.kind !== 'accept' || decided.outcome !== 'recorded')
      return this.outcome(event, decided.outcome, name, decided.reason);
    const unknown = unknownLabels(judgement.content.labels, this.labels);
    this.checked.push({ record: event.record, ...judgement.checked, unknownLabels: unknown });
    const { removed, unresolved } = judgement;
    this.outcome(event, decided.outcome, name, decided.reason, undefined, {
      removed,
      unresolved,
      lacks: lacksOf(judgement.checked),
      unknownLabels: unknown.length === 0 ? undefined : Object.fromEntries(unknown.map((label) => [label, 1])),
    });
  }

  /** A delete of our own job says nothing about a source of the payer. */
  private hear({ type, order }: Versioned['about'], recorded: boolean): void {
    if (!isRetirement(order.source)) this.feeds.hear(order.source, type, order.businessTime, recorded);
  }

  /** A roster, a network or a list of opt-outs: what it says is decided elsewhere, and that it came is heard here. */
  private hearOther({ headers }: LogRecord): void {
    const { ce_source: source = '', ce_time: time = '' } = headers;
    const type = typeOf({ headers });
    const at = Date.parse(time);
    if (type === undefined || PAYER_CONTRACT.definition(type) === undefined || Number.isNaN(at)) return;
    if (at <= this.stamp + CLOCK_TOLERANCE_MS)
      this.feeds.hearOf(source, PAYER_CONTRACT.newest(type).replace(/\.v\d+$/, ''), at);
  }

  private release(event: ReadEvent, about: { member: string; type: string; id: string }, other: string): void {
    const id = recordId(other, about.type, about.id);
    const head = this.heads.get(id);
    if (head === undefined || head.deleted === true) return;
    this.apply(event, id, takeOver(about, head, other, Math.max(this.stamp, head.lastUpdated + 1)));
  }

  private apply(event: ReadEvent, id: string, decided: Pick<Decided, 'event' | 'head'>): void {
    if (decided.event === undefined || decided.head === undefined) return;
    const { data } = decided.event;
    const line = 'line' in data ? Buffer.from(data.line) : undefined;
    this.supersede(id, data, decided.head, line);
    const record = encode(event, id, decided.event, line);
    this.records.push(record);
    this.sources.set(record, event);
    this.heads.set(id, decided.head);
    this.changed.set(id, decided.head);
  }

  /** Notes the version that the next one replaces, and remembers the line of the next one. */
  private supersede(id: string, data: RecordEvent['data'], next: Head, written: Uint8Array | undefined): void {
    const head = this.heads.get(id);
    // A tombstone with versionId 1 removed nothing, so it is no version of the resource.
    const wasVersion = head !== undefined && (head.deleted !== true || head.versionId > 1);
    if (wasVersion && next.versionId > head.versionId) {
      const { member, type, id: resource } = data;
      const line = head.deleted === true ? undefined : (this.lines.get(id) ?? this.lineInFlight(id));
      this.superseded.push({ id, about: { member, type, id: resource }, head, at: next.lastUpdated, line });
    }
    if (written === undefined) this.lines.delete(id);
    else this.lines.set(id, written);
  }

  private outcome(
    event: ReadEvent,
    outcome: OutcomeRow['outcome'],
    about?: string,
    reason?: string,
    deadLetter?: string,
    { removed, unresolved, lacks, unknownLabels: unknown }: Told = {},
  ): void {
    this.outcomes.push({
      event: event.id,
      outcome,
      ...(event.receipt !== undefined && { receipt: event.receipt }),
      ...(reason !== undefined && { reason }),
      ...(deadLetter !== undefined && { deadLetter }),
      ...(about !== undefined && { about }),
      ...(removed !== undefined && { removed }),
      ...(unresolved !== undefined && { unresolved }),
      ...(lacks !== undefined && { lacks }),
      ...(unknown !== undefined && { unknownLabels: unknown }),
    });
  }

  private deadLetter(event: ReadEvent, reason: FaultReason, detail: string, about?: string): void {
    const { record } = event;
    this.deadLetters.push(deadLetterRecord(this.batch, record, reason, detail, 'resources', this.stamp));
    this.outcome(event, 'parked', about, reason, deadLetterId(record.topic, record.partition, record.offset));
  }
}

/** What a resource lacks, each once, by the name that receipts have. */
function lacksOf({ checks }: CheckedResource): Counts | undefined {
  let lacks: Record<string, number> | undefined;
  for (const check of checks) for (const lack of check.lacks) (lacks ??= {})[shortcomingName(check, lack)] = 1;
  return lacks;
}

/**
 * Derives the id of our event from the inbound event, so that a redelivery writes the same id. The value and the line
 * are bytes, because the garbage collector would copy texts while they wait for the log and the views.
 */
function encode({ record }: ReadEvent, id: string, event: RecordEvent, line: Uint8Array | undefined): NewRecord {
  const { data } = event;
  const { traceparent } = record.headers;
  const encoded: NewRecord = {
    key: id,
    partitionKey: data.member,
    headers: {
      ce_specversion: '1.0',
      ce_id: `${record.topic}/${record.partition}/${record.offset}/${data.member}`,
      ce_type: event.type,
      ce_source: '/resources',
      ce_time: data.lastUpdated,
      ce_subject: data.member,
      [VERSION_HEADER]: String(data.versionId),
      'content-type': 'application/json',
      ...(traceparent !== undefined && { traceparent }),
    },
    value: Buffer.from(JSON.stringify(data)),
  };
  keepData(encoded, line === undefined || !('line' in data) ? data : { ...data, line });
  return encoded;
}
