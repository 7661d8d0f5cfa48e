import type { FaultReason, RecordAccepted, RecordDeleted } from '@provider-access/events';
import { labelRules, RECALLED } from '@provider-access/domain/pdex/labels';
import { instant } from '@provider-access/kernel';
import { KEYS_VERSION } from '@provider-access/fhir';
import type { AcceptedData, RecordPart, Tie, VersionOrder } from '@provider-access/records';
import { type AcceptedContent, lineOf } from './content.ts';
import type { Judgement } from './judge.ts';
import { isRetirement } from './retirement.ts';
import { orderAfter, standingOf, type StandingOrder, type WrittenOrder } from './version-order.ts';

/** The newest version of a record before an event. It may be a tombstone. */
export interface Head
  extends
    StandingOrder,
    Pick<RecordPart, 'versionId' | 'lastUpdated' | 'contentHash' | 'sourceHash' | 'labels' | 'labelsBy' | 'targets'>,
    Pick<RecordPart, 'status' | 'statusChanged' | 'deleted' | 'reason' | 'recalled'>,
    Partial<Pick<RecordPart, 'references'>> {}
export type RecordEvent =
  | { readonly type: 'pa.record-accepted.v1'; readonly data: AcceptedData }
  | { readonly type: 'pa.record-deleted.v1'; readonly data: RecordDeleted };

/**
 * `unchanged`: the current version has the same content. `superseded`: the content differs, and the current version is
 * newer.
 */
type Outcome = 'recorded' | 'unchanged' | 'superseded' | 'before-floor' | 'parked';
export interface Decided {
  readonly outcome: Outcome;
  /**
   * Given for `unchanged` and `parked`, and as `same-time` if the event replaces a version of the same business time.
   */
  readonly reason?: 'duplicate' | 'same-content' | 'same-time' | 'already-removed' | 'never-recorded' | FaultReason;
  readonly event?: RecordEvent;
  /** The record after the event. */
  readonly head?: Head;
}
type Removal = Extract<Judgement, { kind: 'remove' }>;
type Acceptance = Extract<Judgement, { kind: 'accept' }>;

/**
 * Decides which version is current after an event: the highest by business time, then sequence, then order of appends
 * (ADR 0022). Events that differ in time or sequence lead to the same state in any order of arrival. Two rules ensure
 * this: a removal leaves a tombstone even if the resource never existed, and a newer event with the same content moves
 * the order forward without a new version. A redelivery changes nothing. Pure.
 * @param lastUpdated recorded time of a new version, ms since the epoch, later than that of the head
 */
export function decideVersion(judgement: Acceptance | Removal, head: Head | undefined, lastUpdated: number): Decided {
  const { order } = judgement.about;
  const floor = judgement.kind === 'remove' && judgement.reason === 'before-floor';
  if (head !== undefined && isOf(order, head)) return sameEvent(judgement, head, lastUpdated);
  const standing = head === undefined ? 'newer' : standingOf(order, head);
  if (standing === 'older') return olderEvent(judgement, head!);
  const written = orderAfter(order, head);
  const correction = standing === 'tied' ? { reason: 'same-time' as const } : {};
  if (judgement.kind === 'accept') {
    if (isCurrent(judgement, head)) {
      const { event, head: next } = write(judgement, written, head!.versionId, head!.lastUpdated, head);
      return { outcome: 'unchanged', reason: 'same-content', event, head: next };
    }
    // A dump that repeats a prior authorization does not bring it back for another year (ADR 0047).
    if (isRetired(head) && head?.status !== undefined && head.status === judgement.content.status)
      return { outcome: 'unchanged', reason: 'already-removed' };
    const { event, head: next } = write(judgement, written, (head?.versionId ?? 0) + 1, lastUpdated, head);
    return { outcome: 'recorded', ...correction, event, head: next };
  }
  // If the resource was removed before or never existed, a client sees no change.
  const seen = head !== undefined && head.deleted !== true;
  const removed =
    head?.deleted === true
      ? write(judgement, written, head.versionId, head.lastUpdated, head)
      : write(judgement, written, (head?.versionId ?? 0) + 1, lastUpdated, head);
  if (floor) return { outcome: 'before-floor', ...removed };
  if (seen) return { outcome: 'recorded', ...correction, ...removed };
  return { outcome: 'unchanged', reason: head === undefined ? 'never-recorded' : 'already-removed', ...removed };
}

const isRetired = (head: Head | undefined): boolean => head?.deleted === true && isRetirement(head.source);
const isOf = (order: Required<VersionOrder>, head: Head): boolean =>
  order.event === head.event && order.source === head.source;
/** Whether the head has the same content, or is removed too. */
const isCurrent = (judgement: Acceptance | Removal, head: Head | undefined): boolean =>
  head !== undefined &&
  (judgement.kind === 'remove'
    ? head.deleted === true
    : head.deleted !== true && head.contentHash === judgement.content.hash);

function olderEvent(judgement: Acceptance | Removal, head: Head): Decided {
  if (judgement.kind === 'remove' && judgement.reason === 'before-floor') return { outcome: 'before-floor' };
  if (!isCurrent(judgement, head)) return { outcome: 'superseded' };
  return { outcome: 'unchanged', reason: judgement.kind === 'accept' ? 'same-content' : 'already-removed' };
}

/**
 * Decides about a redelivery of the event that made the head. If only our rules of redaction have changed since, the
 * new content becomes a version. If the payer sent other content under the same id, the event is a dead letter.
 */
function sameEvent(judgement: Acceptance | Removal, head: Head, lastUpdated: number): Decided {
  if (!isCurrent(judgement, head)) {
    const reused = judgement.kind === 'remove' || head.deleted === true || wasOther(judgement, head);
    if (reused) return { outcome: 'parked', reason: 'event-id-reused' };
    return { outcome: 'recorded', ...write(judgement, orderOf(head), head.versionId + 1, lastUpdated, head) };
  }
  return judgement.kind === 'remove' && judgement.reason === 'before-floor'
    ? { outcome: 'before-floor' }
    : { outcome: 'unchanged', reason: 'duplicate' };
}

/**
 * Whether the payer sent another resource under the same event id. False for records of earlier releases without a
 * hash.
 */
function wasOther({ content }: Acceptance, { sourceHash }: Head): boolean {
  return sourceHash !== undefined && sourceHash !== content.sourceHash;
}

const orderOf = ({ businessTime, sequence, source = '', event = '', tie }: Head): WrittenOrder => ({
  businessTime,
  sequence,
  source,
  event,
  ...(tie !== undefined && { tie }),
});

/** The order of a version in the form of our event. */
function orderData({
  businessTime,
  sequence,
  source,
  event,
  tie,
}: WrittenOrder): Pick<RecordAccepted, 'businessTime' | 'sequence' | 'source' | 'event' | 'tie'> {
  return {
    businessTime: instant(businessTime),
    sequence,
    source,
    event,
    ...(tie !== undefined && { tie: tieData(tie) }),
  };
}
const tieData = ({ said, events }: Tie): NonNullable<RecordAccepted['tie']> => ({
  said: instant(said),
  events: [...events],
});

function write(
  judgement: Acceptance | Removal,
  order: WrittenOrder,
  versionId: number,
  lastUpdated: number,
  before?: Head,
): { event: RecordEvent; head: Head } {
  const { member, type, id } = judgement.about;
  const at = instant(lastUpdated);
  if (judgement.kind === 'remove') {
    const isRecall = judgement.labels?.includes(RECALLED) === true;
    const recalled = isRecall ? lastUpdated : before?.recalled;
    const common = { member, type, id, versionId, lastUpdated: at, ...orderData(order), ...recalledAt(recalled) };
    const { reason, content: rest, labels = [] } = judgement;
    const kept = keptAfter(before, [...labels, ...(rest?.labels ?? [])]);
    const decided = statusData(before?.status, before?.statusChanged);
    const enteredInError = rest === undefined ? {} : { enteredInError: lineOf(rest, versionId, at).toString() };
    return {
      event: {
        type: 'pa.record-deleted.v1',
        data: { ...common, reason, ...kept, ...coveragesOf(before), ...decided, ...enteredInError },
      },
      head: {
        ...order,
        references: coveragesOf(before).coverages ?? [],
        versionId,
        lastUpdated,
        deleted: true,
        reason,
        ...kept,
        ...statusOf(before),
        ...(recalled !== undefined && { recalled }),
      },
    };
  }
  return accepted(judgement, order, { versionId, lastUpdated, at }, before);
}

type Open<T> = { -readonly [Name in keyof T]: T[Name] };

/** The same for an accepted resource, as nearly all are. So it makes no object that is only copied into another one. */
function accepted(
  { about, content }: Acceptance,
  order: WrittenOrder,
  { versionId, lastUpdated, at }: { readonly versionId: number; readonly lastUpdated: number; readonly at: string },
  before: Head | undefined,
): { event: RecordEvent; head: Head } {
  const { member, type, id } = about;
  const { businessTime, sequence, source, event, tie } = order;
  const { hash: contentHash, sourceHash, serviceDate, targets, status, whole } = content;
  const [references, labels, labelsBy] = [content.references as string[], content.labels as string[], labelRules()];
  const data: Open<AcceptedData> = {
    member,
    type,
    id,
    versionId,
    lastUpdated: at,
    businessTime: instant(businessTime),
    sequence,
    source,
    event,
    contentHash,
    sourceHash,
    references,
    tokens: content.keys as string[],
    tokensBy: KEYS_VERSION,
    labels,
    labelsBy,
    line: lineOf(content, versionId, at),
  };
  const head: Open<Head> = {
    businessTime,
    sequence,
    source,
    event,
    versionId,
    lastUpdated,
    contentHash,
    sourceHash,
    labels,
    labelsBy,
    references,
  };
  const recalled = before?.recalled;
  if (tie !== undefined) {
    data.tie = tieData(tie);
    head.tie = tie;
  }
  if (recalled !== undefined) {
    data.recalled = instant(recalled);
    head.recalled = recalled;
  }
  if (serviceDate !== undefined) data.serviceDate = serviceDate;
  if (targets !== undefined) {
    data.targets = targets as string[];
    head.targets = targets;
  }
  if (status !== undefined) {
    const since = before?.status === status ? before.statusChanged : lastUpdated;
    Object.assign(data, statusData(status, since));
    head.status = status;
    head.statusChanged = since;
  }
  if (whole !== undefined) data.whole = wholeOf(content, whole, versionId, at);
  return { event: { type: 'pa.record-accepted.v1', data }, head };
}

const recalledAt = (recalled: number | undefined): { recalled?: string } =>
  recalled === undefined ? {} : { recalled: instant(recalled) };
function wholeOf(
  content: AcceptedContent,
  whole: NonNullable<AcceptedContent['whole']>,
  versionId: number,
  at: string,
) {
  const { tail, references, serviceDate } = whole;
  const line = lineOf({ ...content, tail }, versionId, at).toString();
  return { line, references: [...references], ...(serviceDate !== undefined && { serviceDate }) };
}

const statusData = (status: string | undefined, since: number | undefined) =>
  status === undefined || since === undefined ? {} : { status, statusChanged: instant(since) };
const statusOf = (head: Head | undefined): Pick<Head, 'status' | 'statusChanged'> =>
  head?.status === undefined ? {} : { status: head.status, statusChanged: head.statusChanged };

/** A tombstone keeps labels and targets, because the delete of a withheld resource would reveal it. */
function keptAfter(head: Head | undefined, more: readonly string[] = []): { labels?: string[]; targets?: string[] } {
  const labels = new Set([...(head?.labels ?? []), ...more]);
  return {
    ...(labels.size > 0 && { labels: [...labels] }),
    ...(head?.targets !== undefined && { targets: [...head.targets] }),
  };
}

/** The coverages that a version names. A tombstone keeps them, because a line of business may withhold the delete. */
function coveragesOf(head: Head | undefined): { coverages?: string[] } {
  const coverages = (head?.references ?? []).filter((reference) => reference.startsWith('Coverage/'));
  return coverages.length > 0 ? { coverages } : {};
}

/** Removes the copy under the retired id when the member into which it was merged takes the resource over. */
export function takeOver(
  about: { member: string; type: string; id: string },
  retiredHead: Head,
  retired: string,
  lastUpdated: number,
): { event: RecordEvent; head: Head } {
  const versionId = retiredHead.versionId + 1;
  const order = orderOf(retiredHead);
  return {
    event: {
      type: 'pa.record-deleted.v1',
      data: {
        member: retired,
        type: about.type,
        id: about.id,
        versionId,
        lastUpdated: instant(lastUpdated),
        ...orderData(order),
        reason: 'merged',
        ...recalledAt(retiredHead.recalled),
        ...keptAfter(retiredHead),
        ...coveragesOf(retiredHead),
      },
    },
    head: {
      ...order,
      references: coveragesOf(retiredHead).coverages ?? [],
      versionId,
      lastUpdated,
      deleted: true,
      reason: 'merged',
      ...(retiredHead.recalled !== undefined && { recalled: retiredHead.recalled }),
      ...keptAfter(retiredHead),
    },
  };
}
