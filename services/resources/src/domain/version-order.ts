import { hash } from 'node:crypto';
import { compareVersions, type Tie, type VersionOrder } from '@provider-access/records';

/** The order of the current version. `tie` keeps the order that its event states, if the written one differs. */
export interface StandingOrder extends VersionOrder {
  readonly tie?: Tie | undefined;
}
/** The order of a version as our event carries it. */
export interface WrittenOrder extends Required<VersionOrder> {
  readonly tie?: Tie;
}

/** Limit of events with the same business time that a record remembers. Older ones are no longer recognised. */
const MAX_TIED = 64;

/** A short hash of an event, because ids have up to 256 characters. */
const markOf = ({ source = '', event = '' }: VersionOrder): string =>
  hash('sha256', `${source}\n${event}`, 'base64url').slice(0, 11);

/**
 * Compares an event with the current version by business time and sequence. If both are equal, the event is `tied`, and
 * the later append wins. A redelivery of an event that was tied before is `older`.
 */
export function standingOf(order: Required<VersionOrder>, standing: StandingOrder): 'newer' | 'older' | 'tied' {
  const stated = standing.tie?.said ?? standing.businessTime;
  const difference = order.businessTime - stated || order.sequence - standing.sequence;
  if (difference !== 0) return difference > 0 ? 'newer' : 'older';
  return standing.tie?.events.includes(markOf(order)) === true ? 'older' : 'tied';
}

/**
 * The order to write for an event that replaces the current version. Views compare by `compareVersions`, so the order
 * must be higher: for tied events the written time is one millisecond later, and `tie` keeps the stated time (ADR
 * 0022).
 */
export function orderAfter(order: Required<VersionOrder>, standing: StandingOrder | undefined): WrittenOrder {
  if (standing === undefined) return order;
  const tied = standingOf(order, standing) === 'tied';
  const events = tied ? [...(standing.tie?.events ?? []), markOf(standing)].slice(-MAX_TIED) : [];
  const after = compareVersions(order, standing) > 0;
  if (after && !tied) return order;
  const businessTime = after ? order.businessTime : standing.businessTime + 1;
  return { ...order, businessTime, tie: { said: order.businessTime, events } };
}
