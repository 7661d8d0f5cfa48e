import { flat } from './flat.ts';
import type { Resource } from './profiles.ts';

/** What a correct platform does with an event in the log (docs/architecture.md#the-life-of-an-event). */
export type Outcome = 'recorded' | 'unchanged' | 'superseded' | 'before-floor' | 'not-served' | 'parked';
/** The fault of a poison event. */
export type Fault =
  | 'resource-not-an-object'
  | 'unknown-type'
  | 'missing-id'
  | 'wrong-json-type'
  | 'names-another-member'
  | 'owned-by-another-member'
  | 'unreadable-opt-out';

/** An event before it has an id and a place in the stream. Times are ms UTC. */
export interface Draft {
  readonly type: string;
  /** The payer's system that sends it: enrollment, claims, clinical, authorizations, preferences. */
  readonly system: string;
  /** Business time. */
  readonly time: number;
  /** When it is published. Events of a member are published in this order. */
  readonly published: number;
  readonly data: unknown;
  readonly outcome: Outcome;
  readonly fault?: Fault;
  /** `Type/id`, or the event type if there is no resource. */
  readonly about: string;
  /** The platform's resource after this event, if it wins. Absent for deletions and events without a resource. */
  readonly resource?: Resource;
  readonly deleted?: boolean;
}

export const RECORDED = 'payer.resource-recorded.v1';
export const DELETED = 'payer.resource-deleted.v1';
export const AUTHORIZATION_CHANGED = 'payer.prior-authorization-changed.v1';

export function recorded(
  system: string,
  resource: Resource,
  time: number,
  published: number,
  outcome: Outcome = 'recorded',
): Draft {
  return {
    type: RECORDED,
    system,
    time,
    published,
    data: { resource },
    outcome,
    about: flat(resource.resourceType, '/', resource.id),
    resource,
  };
}
