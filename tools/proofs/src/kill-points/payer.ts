import type { DomainEvent } from '@provider-access/events';
import { type MemberLedger, syntheticPayer } from '@provider-access/synthetic';

export const AS_OF = Date.parse('2026-01-31T00:00:00.000Z');
/** When the events of the past arrive. */
export const STORY_BEGINS = AS_OF + 3_600_000;

/** Numbers of members with short histories, all attributed to the same organization. */
const STAYS = 490;
const GROWS = 495;
const LEAVES = 715;
const HELD = 626;
const payer = syntheticPayer({
  seed: 'kill-points',
  members: 1000,
  asOf: new Date(AS_OF).toISOString(),
  providers: { practitionersEach: 1 },
  unreadableOptOuts: [HELD],
});

/** The ledger of each member. The generator makes members independently, so the others need not be published. */
export const MEMBERS = {
  /** A member without events in the story. */
  stays: payer.ledger.member(STAYS),
  /** Gets new resources. */
  grows: payer.ledger.member(GROWS),
  /** Opts out while an export runs. */
  leaves: payer.ledger.member(LEAVES),
  /** Gets a new version of a resource, and an opt-out that cannot be read. */
  held: payer.ledger.member(HELD),
} as const satisfies Record<string, MemberLedger>;
export const PROVIDER = payer.providerOrganizations.find((o) => o.npi === '1785000005')!;

const history = (n: number): readonly DomainEvent[] => payer.memberEvents(n).events;
/** The events before the story. */
export const PAST: readonly DomainEvent[] = [
  ...payer.providerEvents(),
  ...history(STAYS),
  ...history(GROWS).slice(0, -4),
  ...history(LEAVES).slice(0, -1),
  ...history(HELD).slice(0, -3),
];
/** Ids of events before the story that became dead letters. */
export const PARKED_BEFORE: readonly string[] = MEMBERS.stays.parked.map(({ event }) => event);

const soon = new Date(AS_OF).toISOString();
/** A resource that names another member than its event does. */
export const MISPLACED: DomainEvent = {
  id: 'misplaced',
  source: 'urn:example:payer',
  type: 'payer.resource-recorded.v1',
  time: soon,
  subject: MEMBERS.grows.member,
  data: {
    resource: {
      resourceType: 'Condition',
      id: 'misplaced',
      subject: { reference: `Patient/${MEMBERS.stays.member}` },
      code: { text: 'asthma' },
    },
  },
};
/** A repeated event. */
const REPEATED = history(STAYS)[0]!;
/**
 * The events of the story, in two requests: new resources and a repeated event, then a new version and two events that
 * become dead letters. The first request is acknowledged before it is handled, because it contains no opt-out.
 */
export const NEWS: readonly (readonly DomainEvent[])[] = [
  [...history(GROWS).slice(-4), ...history(LEAVES).slice(-1), REPEATED],
  [...history(HELD).slice(-3), MISPLACED],
];
/**
 * Events that the payer's own systems append while no process of the platform runs. They are repeats, but because of
 * them a redelivered batch has another end.
 */
export const WHILE_DOWN: readonly DomainEvent[] = [REPEATED, history(LEAVES)[0]!];
export const UNREADABLE = history(HELD).at(-1)!;
export const OPT_OUT: DomainEvent = {
  id: 'opt-out',
  source: 'urn:example:payer',
  type: 'payer.member-opted-out.v1',
  time: soon,
  subject: MEMBERS.leaves.member,
  data: { scope: 'global', setBy: 'member' },
};
