import { dataOf, type ListRecorded, PA_LISTS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { eventIdOf, recordedAt, subjectOf, typeOfRecord } from './record.ts';

/** What the payer says about the list of a Group as a whole. */
export interface ListPart extends Omit<ListRecorded, 'group'> {
  readonly event: string;
  readonly recordedAt: string;
}

/** Whether a statement replaces the known one: the later business time counts, then the id of the event. */
export const replacesList = (
  known: Pick<ListPart, 'businessTime' | 'event'> | undefined,
  next: Pick<ListPart, 'businessTime' | 'event'>,
): boolean =>
  known === undefined ||
  next.businessTime > known.businessTime ||
  (next.businessTime === known.businessTime && next.event > known.event);

const listsTopic: TopicEvolve<ListPart> = {
  part: 'list',
  keys: (record: LogRecord) => (typeOfRecord(record) === 'pa.list-recorded.v1' ? [subjectOf(record)!] : []),
  evolve: (part, record) => {
    const { group: _, ...data } = dataOf<ListRecorded>(record);
    const next = { ...data, event: eventIdOf(record), recordedAt: recordedAt(record) };
    return replacesList(part, next) ? next : undefined;
  },
  // The list stays as it was known. Nothing in it permits or denies.
  failed: () => undefined,
};

/** One document for each Group of which the payer published `payer.list-changed`. The id is that of the Group. */
export const lists: Projection = {
  owner: 'facts',
  name: 'lists',
  version: 1,
  topics: { [PA_LISTS]: listsTopic },
  indexes: [],
};
