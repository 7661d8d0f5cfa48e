import { addCounts } from '@provider-access/events';
import type { Stage } from '@provider-access/intake';
import type { AttachmentStore } from '../../attachments/attachment-store.ts';
import type { MovedAttachment } from '../../domain/attachments.ts';
import type { ReadEvent } from '../../reading/read-event.ts';

/** Stores the large attachments of a batch, and counts those with a URL of ours that leads to nothing (ADR 0052). */
export function attachmentsStage(store: Pick<AttachmentStore, 'put' | 'about'>): Stage<ReadEvent> {
  let moved: readonly MovedAttachment[] = [];
  /** Number of attachments whose URL leads to no content of their own resource, by event and path. */
  const lost = new Map<ReadEvent, Record<string, number>>();
  const look = async (event: ReadEvent): Promise<void> => {
    const { judgement } = event;
    if (judgement.kind !== 'accept' || judgement.own === undefined) return;
    const { about, own } = judgement;
    const counts: Record<string, number> = {};
    for (const { name, binary } of own) {
      const stored = await store.about(binary);
      if (stored?.member !== about.member || stored.type !== about.type || stored.resource !== about.id)
        addCounts(counts, { [name]: 1 });
    }
    if (Object.keys(counts).length > 0) lost.set(event, counts);
  };
  return {
    async before(events) {
      moved = events.flatMap(({ judgement }) => (judgement.kind === 'accept' ? (judgement.attachments ?? []) : []));
      await store.put(moved);
      const linking = events.filter(({ judgement }) => judgement.kind === 'accept' && judgement.own !== undefined);
      await Promise.all(linking.map(look));
    },
    each(event, taken) {
      const counts = lost.get(event);
      if (counts === undefined || taken?.ok !== true || taken.outcome !== 'recorded') return taken;
      const unresolved: Record<string, number> = { ...taken.unresolved };
      addCounts(unresolved, counts);
      return { ...taken, unresolved };
    },
    // Once more, because the job that removes unused attachments may have found one unused before the record that
    // refers to it was in the log.
    after: () => store.put(moved),
  };
}
