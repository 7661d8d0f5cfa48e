import { flat } from './flat.ts';
import type { DomainEvent } from '@provider-access/events';
import { instantOf } from './calendar.ts';
import { disorder, type Disordered } from './disorder.ts';
import type { Draft, Fault, Outcome } from './draft.ts';
import { historyOf } from './history.ts';
import type { Member } from './member.ts';
import { PAYER, type Resource } from './profiles.ts';
import type { Roster } from './roster.ts';

export interface ExpectedEvent {
  readonly event: string;
  readonly source: string;
  readonly type: string;
  readonly outcome: Outcome;
  readonly about: string;
  readonly fault?: Fault;
}
/** A resource as it is stored at the end (before redaction) and how many versions of it were recorded. */
export interface HeldResource {
  readonly resource: Resource;
  readonly versions: number;
  readonly businessTime: number;
}

/** Everything about one member: the events in the order in which the payer publishes them, and the outcome of each. */
export interface MemberStory {
  readonly member: Member;
  readonly events: readonly DomainEvent[];
  /** Publish time of each event, ms. It decides how members' events interleave. */
  readonly published: readonly number[];
  /** One for each event, in the same order. */
  readonly expected: readonly ExpectedEvent[];
  /** By `Type/id`: the stored resources of a correct platform after the last event. */
  readonly held: ReadonlyMap<string, HeldResource>;
}

export function tellStory(
  seed: string | number,
  member: Member,
  roster: Roster,
  asOf: number,
  unreadableOptOut: boolean,
): MemberStory {
  const drafts = historyOf(seed, member, roster, asOf);
  if (unreadableOptOut)
    drafts.push({
      type: 'payer.member-opted-out.v1',
      system: 'preferences',
      time: asOf - 3_600_000,
      published: asOf,
      data: { scope: 42 },
      outcome: 'parked',
      fault: 'unreadable-opt-out',
      about: 'payer.member-opted-out.v1',
    });
  const settled = disorder(seed, member, drafts);
  const ids = new Map<Draft, string>();
  const events: DomainEvent[] = [];
  const expected: ExpectedEvent[] = [];
  const held = new Map<string, HeldResource>();
  settled.forEach((draft, i) => {
    const id =
      (draft.duplicateOf !== undefined ? ids.get(draft.duplicateOf) : undefined) ?? flat(member.id, '.', i + 1);
    ids.set(draft, id);
    const source = flat(PAYER, '/', draft.system);
    events.push({ id, source, type: draft.type, time: instantOf(draft.time), subject: member.id, data: draft.data });
    expected.push({
      event: id,
      source,
      type: draft.type,
      outcome: draft.outcome,
      about: draft.about,
      ...(draft.fault !== undefined && { fault: draft.fault }),
    });
    hold(held, draft);
  });
  return { member, events, published: settled.map((d) => d.published), expected, held };
}

function hold(held: Map<string, HeldResource>, draft: Disordered): void {
  if (draft.outcome !== 'recorded') return;
  if (draft.deleted === true) held.delete(draft.about);
  else if (draft.resource !== undefined)
    held.set(draft.about, {
      resource: draft.resource,
      versions: (held.get(draft.about)?.versions ?? 0) + 1,
      businessTime: draft.time,
    });
}
