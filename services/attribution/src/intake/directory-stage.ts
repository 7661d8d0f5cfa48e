import { PA_DIRECTORY } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import type { Facts } from '@provider-access/facts';
import { type AccessEvent, derivedRecord, PROVIDER_RECORDED, type Stage } from '@provider-access/intake';
import { instantOf } from '../domain/dates.ts';
import { directoryEntryOf } from '../domain/directory-entry.ts';
import { DERIVER } from './holds.ts';

/** How long a batch waits until the facts contain the former one, ms. Afterwards it continues without that. */
export const WAIT_MS = 1000;

/** payer.provider-events -> pa.directory. The resources service reports what becomes of these events. */
export function directoryStage(log: EventLog, facts: Facts): Stage<AccessEvent> {
  /** The newest business time of each entry in this batch. */
  const times = new Map<string, string>();
  return {
    async before(events) {
      if (events.some(({ inbound }) => inbound.type === PROVIDER_RECORDED))
        await facts.parties.waitFor(await log.head([PA_DIRECTORY]), WAIT_MS);
    },

    each({ inbound, at }, taken) {
      if (taken !== undefined || !inbound.ok || inbound.event.type !== PROVIDER_RECORDED) return taken;
      const { event } = inbound;
      const data = directoryEntryOf(event.data.resource, instantOf(event.time));
      const nothing = { ok: true, outcome: undefined, outputs: [] } as const;
      if (data === undefined) return nothing;
      const newest = times.get(data.entry) ?? facts.parties.directoryTime(data.entry);
      // Compaction keeps the last append, so an older entry must not come after a newer one.
      if (newest !== undefined && newest > data.businessTime) return nothing;
      times.set(data.entry, data.businessTime);
      const type = 'pa.directory-entry-recorded.v1';
      const record = derivedRecord({ deriver: DERIVER, type, subject: data.entry, cause: event, at, data });
      return { ...nothing, outputs: [{ topic: PA_DIRECTORY, record }] };
    },
  };
}
