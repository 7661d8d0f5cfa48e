import { hash } from 'node:crypto';
import { compareVersions, type Tie, type VersionOrder } from '@provider-access/facts/records';

/** The order of the version that stands: the written one, and the stated one of its event if it differs. */
export interface StandingOrder extends VersionOrder {
  readonly tie?: Tie | undefined;
}
/** The order of a version as it is written. */
export interface WrittenOrder extends Required<VersionOrder> {
  readonly tie?: Tie;
}

/** Events of one business time that a record remembers. A repetition of an older one counts as a new event. */
const MAX_TIED = 64;

/** Names an event in 11 characters: ids have up to 256. */
const markOf = ({ source = '', event = '' }: VersionOrder): string =>
  hash('sha256', `${source}\n${event}`, 'base64url').slice(0, 11);

/**
 * How the statement of an event stands to the version that stands: `newer` by business time and sequence, `older`, or
 * `tied` with it: then the later append wins. An event that was tied before and comes again is `older`.
 */
export function standingOf(order: Required<VersionOrder>, standing: StandingOrder): 'newer' | 'older' | 'tied' {
  const stated = standing.tie?.said ?? standing.businessTime;
  const difference = order.businessTime - stated || order.sequence - standing.sequence;
  if (difference !== 0) return difference > 0 ? 'newer' : 'older';
  return standing.tie?.events.includes(markOf(order)) === true ? 'older' : 'tied';
}

/**
 * The order to write for an event that replaces the version that stands. It is after the standing one by
 * `compareVersions`, which the views use: where business time and sequence do not say so, the written time is one
 * millisecond later and `tie` keeps the stated one (ADR 0022).
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
