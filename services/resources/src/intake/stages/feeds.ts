import type { StartedFeeds } from '@provider-access/domain/pdex/service-levels';
import { CLOCK_TOLERANCE_MS, PAYER_CONTRACT, typeOf } from '@provider-access/events';
import type { Stage } from '@provider-access/intake';
import { isRetirement } from '../../domain/retirement.ts';
import { isVersioned, type ReadEvent } from '../../reading/read-event.ts';

/**
 * Counts the events of each feed: a source and what its events are about. `serviceLevelsStage` reports them.
 * @param stamp when the batch counts as recorded, ms since the epoch
 */
export const feedsStage = (feeds: StartedFeeds, stamp: number): Stage<ReadEvent> => ({
  each(event, taken) {
    const { record, judgement } = event;
    if (taken?.ok === false) return taken;
    if (isVersioned(event)) {
      const { type, order } = event.judgement.about;
      // A delete of our own job says nothing about a source of the payer.
      if (!isRetirement(order.source))
        feeds.countFeed(order.source, type, order.businessTime, taken?.outcome === 'recorded');
    } else if (judgement.kind === 'other' || judgement.kind === 'merge') {
      // A roster, a network or a list of opt-outs. Other services decide what it states.
      const { ce_source: source = '', ce_time: time = '' } = record.headers;
      const type = typeOf(record);
      const at = Date.parse(time);
      if (type === undefined || PAYER_CONTRACT.definition(type) === undefined) return taken;
      if (at <= stamp + CLOCK_TOLERANCE_MS)
        feeds.countOther(source, PAYER_CONTRACT.newest(type).replace(/\.v\d+$/, ''), at);
    }
    return taken;
  },
});
