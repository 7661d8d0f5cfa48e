import { PA_ATTRIBUTION, PA_CONSENT, PA_PROVIDERS, PA_RECORDS, type Progress, PROGRESS_TYPE, type ProgressOutcome, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/views';

/** What one batch of one deriver did to the events of one receipt. */
export interface HandledPart {
  readonly receipt: string;
  readonly deriver: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: ProgressOutcome['items'];
}

const parsed = new WeakMap<LogRecord, Progress>();
function progressOf(record: LogRecord): Progress {
  let data = parsed.get(record);
  if (data === undefined) parsed.set(record, (data = JSON.parse(Buffer.from(record.value).toString('utf8')) as Progress));
  return data;
}
/** The batch is part of the id: one document a batch, written blind, and a batch that is handled again writes over itself. */
const idOf = (receipt: string, { deriver, topic, partition, next }: Progress): string => `${receipt}/${deriver}/${topic}/${partition}/${next}`;

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
    return outcome === undefined ? undefined : { receipt: outcome.receipt, deriver: progress.deriver, counts: outcome.counts, items: outcome.items };
  },
});

/** A topic writes its own part only; a document has the part of the one topic that its batch was told on. */
const PARTS: Readonly<Record<string, string>> = { [PA_RECORDS]: 'records', [PA_ATTRIBUTION]: 'attribution', [PA_PROVIDERS]: 'providers', [PA_CONSENT]: 'consent' };
const indexOf = (part: string): string => `by_receipt_${part}`;

/** What became of the events of each POST /events, from the progress of every service that decides about events. */
export const receipts: Projection = {
  owner: 'resources', name: 'receipts', version: 1,
  topics: Object.fromEntries(Object.entries(PARTS).map(([topic, part]) => [topic, fromProgress(part)])),
  indexes: Object.values(PARTS).map((part) => ({ name: indexOf(part), fields: [`${part}.receipt`] })),
};

/** What was handled of a receipt, a part a batch. */
export async function* handledOf(reader: ViewReader, receipt: string): AsyncGenerator<HandledPart> {
  for (const part of Object.values(PARTS)) {
    for await (const document of reader.scan({ index: indexOf(part), equals: [receipt] })) yield document[part] as HandledPart;
  }
}
