import { deadLetterTopic, encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { deadLetterRecord } from '@provider-access/engines/log';
import { deadLetters } from '../src/projections/dead-letters.ts';
import { event, type EventInput, type House } from './harness.ts';

export interface Parked extends EventInput {
  readonly reason?: string;
  readonly detail?: string;
  /** ms since the epoch. Default: in the order of the list. */
  readonly at?: number;
  readonly topic?: string;
}

/** Appends dead letters as an intake does, and waits until the list has them. @returns their ids */
export async function park(house: House, letters: readonly Parked[]): Promise<readonly string[]> {
  const ids: string[] = [];
  const records = letters.map((letter, i) => {
    const { reason = 'invalid-resource', detail = 'Condition: colour is not an element of Condition' } = letter;
    const { topic = PAYER_MEMBER_EVENTS, at = Date.now() - 60_000 + i } = letter;
    const { specversion: _none, ...rest } = event(letter);
    const sent = encodeEvent(rest as unknown as Parameters<typeof encodeEvent>[0]);
    parked += 1;
    const record = {
      ...sent,
      topic,
      partition: 0,
      offset: FIRST + parked,
      timestamp: at,
      value: Buffer.from(sent.value),
    };
    const place = { topic, partition: 0 };
    const made = deadLetterRecord(place, record as never, reason as never, detail, 'resources', at);
    ids.push(made.key);
    return [deadLetterTopic(topic), made] as const;
  });
  for (const [topic, some] of Map.groupBy(records, ([topic]) => topic))
    await house.log.append(
      topic,
      some.map(([, record]) => record),
    );
  const topics = [...new Set(records.map(([topic]) => topic))];
  await house.views.reader(deadLetters).waitFor(await house.log.head(topics), 30_000);
  return ids;
}
let parked = 0;
/** Behind every place of a test's log, so that no id is that of a dead letter of the intake. */
const FIRST = 1_000_000;
