import type { Batch } from '@provider-access/engines/log';
import type { FaultReason } from '@provider-access/events';
import type { Stage, Taken } from '@provider-access/intake';
import { decideVersion } from '../../domain/decide.ts';
import type { BatchOwners } from '../batch-owners.ts';
import type { BatchVersions } from '../batch-versions.ts';
import type { ReadEvent, Versioned } from '../../reading/read-event.ts';
import type { VersionKeeper } from '../version-keeper.ts';

const REUSED = 'an earlier event with this id has other content: give the event a new id';

/** Decides which version of a resource is current after each event, and keeps the versions that the batch replaces. */
export function versionsStage(
  batch: Batch,
  versions: BatchVersions,
  owners: BatchOwners,
  keeper: VersionKeeper,
): Stage<ReadEvent> {
  const decide = (event: ReadEvent, judgement: Versioned): Taken => {
    const { name: about, recordId: id } = event.names;
    const head = versions.heads.get(id);
    const decided = decideVersion(judgement, head, versions.timeAfter(head));
    const { outcome, reason } = decided;
    if (outcome === 'parked') {
      const fault = { reason: reason as FaultReason, detail: REUSED };
      return { ok: false, fault, about, outputs: versions.written() };
    }
    versions.write(event, id, decided);
    const after = versions.heads.get(id);
    const accepts = judgement.kind === 'accept';
    if (after !== undefined && after.deleted !== true) {
      if (accepts) owners.took(about, judgement.about);
    } else if (accepts || (head !== undefined && (head.deleted !== true || decided.event === undefined))) {
      // Release the id, because no member has the resource any more. Do so for a redelivery too, because the first
      // release may have been lost.
      owners.removed(about, judgement.about);
    }
    const outputs = versions.written();
    if (!accepts || outcome !== 'recorded') return { ok: true, outcome, reason, about, outputs };
    const { removed, unresolved } = judgement;
    return { ok: true, outcome, reason, about, removed, unresolved, outputs };
  };
  return {
    each(event, taken) {
      if (taken !== undefined) return taken;
      const { judgement } = event;
      switch (judgement.kind) {
        case 'other':
        case 'merge':
          return undefined;
        case 'dead-letter': {
          const { reason, detail, about } = judgement;
          return { ok: false, fault: { reason, detail }, about };
        }
        case 'not-served':
          return { ok: true, outcome: 'not-served', about: judgement.about, outputs: [] };
        case 'accept':
        case 'remove':
          return decide(event, judgement);
      }
    },
    // Before the records of the batch, because a batch that runs again no longer finds the versions once they are
    // replaced (ADR 0045).
    outputs: () => keeper.keep(batch, versions.superseded),
    after: () => versions.durable(),
  };
}
