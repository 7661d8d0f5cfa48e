import {
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PA_RECORDS,
  type Progress,
  PROGRESS_TYPE,
  type ProgressOutcome,
  typeOf,
  dataOf,
} from '@provider-access/events';
import { parsedOnce } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';

/** What is counted of recorded resources, in the order of an answer. */
export const COUNTED = ['removed', 'unresolved', 'lacks', 'unknownLabels', 'withheldTags'] as const;
export type CountedName = (typeof COUNTED)[number];

/** The outcomes that one service reported for one batch, for the events of one receipt. */
export interface HandledPart extends ProgressOutcome {
  readonly deriver: string;
  /** Inbound partition as `topic/partition`, and the batch's offsets [from, next). */
  readonly inbound: string;
  readonly from: number;
  readonly next: number;
}

const progressOf = parsedOnce(dataOf<Progress>);
/** The id contains the batch, so that a batch writes its document without reading, and a redelivery overwrites it. */
const idOf = (receipt: string, { deriver, topic, partition, from, next }: Progress): string =>
  `${receipt}/${deriver}/${topic}/${partition}/${from}-${next}`;

const fromProgress = (part: string): TopicEvolve<HandledPart> => ({
  part,
  blind: true,
  progress: true,
  keys(record) {
    if (typeOf(record) !== PROGRESS_TYPE) return [];
    const progress = progressOf(record);
    return (progress.outcomes ?? []).map((o) => idOf(o.receipt, progress));
  },
  evolve(_part, record, key) {
    const progress = progressOf(record);
    const outcome = progress.outcomes?.find((o) => idOf(o.receipt, progress) === key);
    if (outcome === undefined) return undefined;
    // A batch with outcomes says where it began.
    const { deriver, topic, partition, from = 0, next } = progress;
    const { receipt, counts, items } = outcome;
    const place = { inbound: `${topic}/${partition}`, from, next };
    // The order of a document of release 0.1.0, because a rebuild compares the texts of documents.
    const found: Pick<ProgressOutcome, CountedName> = {};
    for (const name of COUNTED) if (outcome[name] !== undefined) found[name] = outcome[name];
    return { receipt, deriver, ...place, counts, ...found, items };
  },
});

/** Each topic writes a part of its own. A document has one part, of the topic that reported its batch. */
const PARTS: Readonly<Record<string, string>> = {
  [PA_RECORDS]: 'records',
  [PA_ATTRIBUTION]: 'attribution',
  [PA_PROVIDERS]: 'providers',
  [PA_CONSENT]: 'consent',
};
const indexOf = (part: string): string => `by_receipt_${part}`;

/** The outcomes of the events of each POST /events, from the progress records of every service with an intake. */
export const receipts: Projection = {
  owner: 'resources',
  name: 'receipts',
  version: 2,
  topics: Object.fromEntries(Object.entries(PARTS).map(([topic, part]) => [topic, fromProgress(part)])),
  // Senders wait for it, and each batch of the view would wait again.
  indexes: Object.values(PARTS).map((part) => ({ name: indexOf(part), fields: [`${part}.receipt`] })),
};

/** The outcomes of a receipt by batch. No event counts twice. */
export async function handledOf(reader: ViewReader, receipt: string): Promise<readonly HandledPart[]> {
  const parts: HandledPart[] = [];
  for (const part of Object.values(PARTS)) {
    for await (const document of reader.scan({ index: indexOf(part), equals: [receipt] }))
      parts.push(document[part] as HandledPart);
  }
  return withoutOverlaps(parts);
}

const totalOf = (part: HandledPart): number => Object.values(part.counts).reduce((a, b) => a + b, 0);

/**
 * After a rebalance, another instance may get the same events in batches with other boundaries, and report their
 * outcomes again. From overlapping batches this chooses disjoint ones that cover the most events, then the most
 * recorded events. No event is missing, because committed batches follow one another without a gap.
 */
export function withoutOverlaps(parts: readonly HandledPart[]): readonly HandledPart[] {
  return [...Map.groupBy(parts, ({ deriver, inbound }) => `${deriver} ${inbound}`).values()].flatMap(heaviest);
}

interface Best {
  readonly total: number;
  readonly recorded: number;
  readonly last?: HandledPart;
  readonly before?: Best;
}

/** Weighted interval scheduling. */
function heaviest(group: readonly HandledPart[]): HandledPart[] {
  const sorted = group.toSorted((a, b) => a.next - b.next);
  const best: Best[] = [{ total: 0, recorded: 0 }];
  sorted.forEach((part, i) => {
    let low = 0;
    for (let high = i; low < high;) {
      const middle = (low + high) >> 1;
      if (sorted[middle]!.next <= part.from) low = middle + 1;
      else high = middle;
    }
    const before = best[low]!;
    const taken: Best = {
      total: before.total + totalOf(part),
      recorded: before.recorded + (part.counts['recorded'] ?? 0),
      last: part,
      before,
    };
    const passed = best[i]!;
    best.push(
      taken.total > passed.total || (taken.total === passed.total && taken.recorded > passed.recorded) ? taken : passed,
    );
  });
  const chosen: HandledPart[] = [];
  for (let at: Best | undefined = best.at(-1); at?.last !== undefined; at = at.before) chosen.unshift(at.last);
  return chosen;
}
