import type { FaultReason, RecordAccepted, RecordDeleted } from '@provider-access/events';
import { compareVersions, type VersionOrder } from '@provider-access/records';
import { lineOf } from './content.ts';
import type { Judgement } from './judge.ts';

/** What is known of a record before an event: the newest version, live or removed. */
export interface Head extends VersionOrder {
  readonly versionId: number;
  /** ms since the epoch. */
  readonly lastUpdated: number;
  /** Absent on a removed record. */
  readonly contentHash?: string;
  /** Hash of the resource as the payer sent it; absent on a removed record, and on one of an earlier release. */
  readonly sourceHash?: string | undefined;
  readonly deleted?: true;
}
export type RecordEvent =
  | { readonly type: 'pa.record-accepted.v1'; readonly data: RecordAccepted }
  | { readonly type: 'pa.record-deleted.v1'; readonly data: RecordDeleted };

export type Outcome = 'recorded' | 'unchanged' | 'before-floor' | 'parked';
export interface Decided {
  readonly outcome: Outcome;
  /** For `unchanged` and `parked`. */
  readonly reason?: 'duplicate' | 'superseded' | 'same-content' | 'already-removed' | 'never-recorded' | FaultReason;
  readonly event?: RecordEvent;
  /** The record after the event. */
  readonly head?: Head;
}
type Removal = Extract<Judgement, { kind: 'remove' }>;
type Acceptance = Extract<Judgement, { kind: 'accept' }>;

const instant = (ms: number): string => new Date(ms).toISOString();

/**
 * Which version stands after an event. Order is business time, sequence, source, event id (`compareVersions`), so any order of arrival
 * and any repetition ends in the same state save versionId and lastUpdated. For that a removal leaves a stone even of what
 * was never there, and newer evidence of the same content moves the order on without making a version. Pure.
 * @param lastUpdated time of acceptance for a new version, ms since the epoch, later than the head's
 */
export function decideVersion(judgement: Acceptance | Removal, head: Head | undefined, lastUpdated: number): Decided {
  const { order } = judgement.about;
  const floor = judgement.kind === 'remove' && judgement.reason === 'before-floor';
  if (head !== undefined) {
    if (order.event === head.event && order.source === head.source) return sameEvent(judgement, head, lastUpdated);
    if (compareVersions(order, head) < 0) return floor ? { outcome: 'before-floor' } : { outcome: 'unchanged', reason: 'superseded' };
  }
  if (judgement.kind === 'accept') {
    if (head?.deleted !== true && head?.contentHash === judgement.content.hash) return { outcome: 'unchanged', reason: 'same-content', ...write(judgement, head.versionId, head.lastUpdated) };
    return { outcome: 'recorded', ...write(judgement, (head?.versionId ?? 0) + 1, lastUpdated) };
  }
  // A stone over a stone, or over nothing, changes nothing that anyone could see.
  const seen = head !== undefined && head.deleted !== true;
  const written = head?.deleted === true ? write(judgement, head.versionId, head.lastUpdated) : write(judgement, (head?.versionId ?? 0) + 1, lastUpdated);
  if (floor) return { outcome: 'before-floor', ...written };
  if (seen) return { outcome: 'recorded', ...written };
  return { outcome: 'unchanged', reason: head === undefined ? 'never-recorded' : 'already-removed', ...written };
}

/**
 * The event that made the head comes again: nothing changes, unless its content is another one. A release whose redaction has
 * other rules makes another content of the same event: that is no fault of the payer, and the new content stands.
 */
function sameEvent(judgement: Acceptance | Removal, head: Head, lastUpdated: number): Decided {
  const same = judgement.kind === 'accept' ? head.contentHash === judgement.content.hash : head.deleted === true;
  if (!same) {
    const reused = judgement.kind === 'remove' || head.deleted === true || wasOther(judgement, head);
    if (reused) return { outcome: 'parked', reason: 'event-id-reused' };
    return { outcome: 'recorded', ...write(judgement, head.versionId + 1, lastUpdated) };
  }
  return judgement.kind === 'remove' && judgement.reason === 'before-floor' ? { outcome: 'before-floor' } : { outcome: 'unchanged', reason: 'duplicate' };
}

/** Whether the payer sent another resource under the event id. A record of an earlier release does not say: then it did not. */
function wasOther({ content }: Acceptance, { sourceHash }: Head): boolean {
  return sourceHash !== undefined && sourceHash !== content.sourceHash;
}

function write(judgement: Acceptance | Removal, versionId: number, lastUpdated: number): { event: RecordEvent; head: Head } {
  const { member, type, id, order } = judgement.about;
  const at = instant(lastUpdated);
  const common = { member, type, id, versionId, lastUpdated: at, businessTime: instant(order.businessTime), sequence: order.sequence, source: order.source, event: order.event };
  if (judgement.kind === 'remove') {
    return { event: { type: 'pa.record-deleted.v1', data: { ...common, reason: judgement.reason } }, head: { ...order, versionId, lastUpdated, deleted: true } };
  }
  const { content } = judgement;
  return {
    event: {
      type: 'pa.record-accepted.v1',
      data: {
        ...common, contentHash: content.hash, sourceHash: content.sourceHash, ...(content.serviceDate !== undefined && { serviceDate: content.serviceDate }),
        references: content.references as string[], tokens: [], line: lineOf(content, versionId, at),
      },
    },
    head: { ...order, versionId, lastUpdated, contentHash: content.hash, sourceHash: content.sourceHash },
  };
}

/** The retired member's copy goes when the member it was merged into takes the id over. */
export function takeOver(about: { member: string; type: string; id: string }, retiredHead: Head, retired: string, lastUpdated: number): { event: RecordEvent; head: Head } {
  const versionId = retiredHead.versionId + 1;
  const order = { businessTime: retiredHead.businessTime, sequence: retiredHead.sequence, source: retiredHead.source ?? '', event: retiredHead.event ?? '' };
  return {
    event: {
      type: 'pa.record-deleted.v1',
      data: { member: retired, type: about.type, id: about.id, versionId, lastUpdated: instant(lastUpdated), businessTime: instant(order.businessTime), sequence: order.sequence, source: order.source, event: order.event, reason: 'merged' },
    },
    head: { ...order, versionId, lastUpdated, deleted: true },
  };
}
