import { dataOf, type EventParked } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import type { DeadLetterPart } from '../../projections/dead-letters.ts';

/** The event of a dead letter as it came; undefined if the log no longer has it. */
export async function originalOf(
  log: Pick<EventLog, 'read'>,
  { place }: Pick<DeadLetterPart, 'place'>,
): Promise<EventParked | undefined> {
  const [record] = await log.read(place.topic, place.partition, place.offset, 1);
  return record === undefined || record.offset !== place.offset ? undefined : dataOf<EventParked>(record);
}

/** The JSON of an event: the event itself if it is structured, otherwise its data; undefined if it is no JSON. */
export function jsonOf({ value }: Pick<EventParked, 'value'>): unknown {
  try {
    return JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
