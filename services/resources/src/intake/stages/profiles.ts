import { shortcomingName } from '@provider-access/domain/pdex/feeds';
import { type LabelPolicy, unknownLabels, withheldTags } from '@provider-access/domain/pdex/labels';
import type { Batch, EventLog } from '@provider-access/engines/log';
import { type Counts, PA_FEEDS } from '@provider-access/events';
import type { Stage } from '@provider-access/intake';
import type { Clock } from '@provider-access/kernel';
import type { CheckedResource } from '../../domain/judge.ts';
import { type CheckedEvent, feedRecord } from '../feed-record.ts';
import type { ReadEvent } from '../../reading/read-event.ts';

/**
 * Reports what the resources of a batch lack of the profiles that they declare, their labels that the policy does not
 * know, and the codes of lists that withhold them: in receipts, and for each feed in `pa.feeds`.
 */
export function profilesStage(
  batch: Batch,
  log: Pick<EventLog, 'append'>,
  clock: Clock,
  labels: LabelPolicy,
): Stage<ReadEvent> {
  /** The resources that became a record, or that the policy of profiles refused. */
  const checked: CheckedEvent[] = [];
  return {
    each({ record, judgement }, taken) {
      if (judgement.kind === 'dead-letter' && judgement.checked !== undefined)
        checked.push({ record, ...judgement.checked });
      if (judgement.kind !== 'accept' || taken?.ok !== true || taken.outcome !== 'recorded') return taken;
      const unknown = unknownLabels(judgement.content.labels, labels);
      const withheld = withheldTags(judgement.content.labels, labels);
      const { source, type, checks } = judgement.checked;
      checked.push({ record, source, type, checks, unknownLabels: unknown, withheldTags: withheld });
      const lacks = lacksOf(judgement.checked);
      if (lacks === undefined && unknown.length + withheld.length === 0) return taken;
      return { ...taken, lacks, unknownLabels: onceEach(unknown), withheldTags: onceEach(withheld) };
    },
    // Before the records, because a batch that comes again finds its events unchanged and would report nothing.
    async outputs() {
      if (checked.length === 0 || batch.owned?.() === false) return;
      await log.append(PA_FEEDS, [feedRecord(batch, checked, clock.now())]);
    },
  };
}

const onceEach = (names: readonly string[]): Counts | undefined =>
  names.length > 0 ? Object.fromEntries(names.map((name) => [name, 1])) : undefined;

/** What a resource lacks, each once, by the name that receipts have. */
function lacksOf({ checks }: CheckedResource): Counts | undefined {
  let lacks: Record<string, number> | undefined;
  for (const check of checks) for (const lack of check.lacks) (lacks ??= {})[shortcomingName(check, lack)] = 1;
  return lacks;
}
