import type { Persons } from '@provider-access/domain/pdex/labels';
import type { EventFault } from '@provider-access/events';
import { namesAnother, recordId } from '@provider-access/records';
import type { Stage } from '@provider-access/intake';
import { takeOver } from '../../domain/decide.ts';
import { standingOf } from '../../domain/version-order.ts';
import type { BatchOwners } from '../batch-owners.ts';
import type { BatchVersions } from '../batch-versions.ts';
import type { Ownership } from '../ownership.ts';
import { isVersioned, type ReadEvent } from '../../reading/read-event.ts';

export const ANOTHER_INSIDE: EventFault = {
  reason: 'names-another-member',
  detail: 'a Patient, Person or subject inside it has the id or an identifier of another member',
};
const OWNED: EventFault = {
  reason: 'owned-by-another-member',
  detail: 'this Type/id belongs to another member until a delete or merge releases it',
};

/**
 * A resource belongs to one member. It must not be another member's, contain another member, or be the Provenance of
 * another member's resource. After a merge, the member takes over the records of the retired id.
 */
export function ownershipStage(
  known: Parameters<typeof namesAnother>[0],
  ownership: Ownership,
  owners: BatchOwners,
  versions: BatchVersions,
): Stage<ReadEvent> {
  /** Events whose resource contains another member. */
  const strangers = new Set<ReadEvent>();
  const look = async (event: ReadEvent, member: string, persons: Persons): Promise<void> => {
    if (await namesAnother(known, member, persons)) strangers.add(event);
  };
  return {
    async before(events) {
      // A member who comes later is unknown here, so readers ask again (ADR 0057).
      await Promise.all(
        events.flatMap((event) => {
          const { judgement } = event;
          if (judgement.kind !== 'accept' || judgement.persons === undefined) return [];
          return [look(event, judgement.about.member, judgement.persons)];
        }),
      );
      const own = events.filter((event) => !strangers.has(event));
      await versions.load(own.filter(isVersioned).map(({ names }) => names.recordId));
      await ownership.prepare(own, versions.heads, owners);
    },

    each(event, taken) {
      const { judgement } = event;
      if (taken !== undefined || judgement.kind !== 'accept') return taken;
      const { about, targets = [] } = judgement;
      const { name } = event.names;
      if (strangers.has(event)) return { ok: false, fault: ANOTHER_INSIDE, about: name };
      if (owners.anotherHolds(targets, about.member)) {
        const detail = `${about.type}.target names a resource that belongs to another member`;
        return { ok: false, fault: { reason: 'names-another-member', detail }, about: name };
      }
      const other = owners.otherOwner(name, about);
      if (other === undefined) return undefined;
      if (!owners.mayTakeOver(other, about.member)) return { ok: false, fault: OWNED, about: name };
      const id = recordId(other, about.type, about.id);
      const theirs = versions.heads.get(id);
      if (theirs === undefined || theirs.deleted === true) return undefined;
      // Both ids share one order of versions, so an event that is older than the copy under the retired id is
      // superseded.
      if (standingOf(about.order, theirs) === 'older')
        return { ok: true, outcome: 'superseded', about: name, outputs: [] };
      versions.write(event, id, takeOver(about, theirs, other, versions.timeAfter(theirs)));
      return undefined;
    },

    after: () => ownership.settle(owners),
  };
}
