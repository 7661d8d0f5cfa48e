import { type EventFault, PAYER_EVENTS } from '@provider-access/events';
import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { type Interest, readInbound } from '@provider-access/intake/read';
import type { ViewReader } from '@provider-access/engines/views';
import { namesAnother } from '@provider-access/records';
import type { JudgeOptions } from '../domain/judge.ts';
import type { ReadingThread } from '../reading/reading-thread.ts';
import { ANOTHER_INSIDE } from './stages/ownership.ts';

/** Every type of a payer, whichever service takes it. */
const EVERY_TYPE: Interest = { types: new Set(Object.keys(PAYER_EVENTS)), strays: 'parked' };

/** Says what intake would find wrong with an event, with the code of intake, and appends nothing. */
export class CorrectionCheck {
  readonly #reading: Pick<ReadingThread, 'read'>;
  readonly #judging: () => JudgeOptions;
  readonly #known: Parameters<typeof namesAnother>[0];
  constructor(
    reading: Pick<ReadingThread, 'read'>,
    judging: () => JudgeOptions,
    known: { readonly patients: ViewReader; readonly members: Pick<ViewReader, 'get' | 'getMany'> },
  ) {
    this.#reading = reading;
    this.#judging = judging;
    this.#known = known;
  }

  /**
   * @returns the fault, whose text has no value of the event; undefined if reading the event finds none. What depends
   * on other events of the log is found when the event is sent: an id that was used before, or a resource that belongs
   * to another member. So is what the services for coverage and opt-outs find in a resource beyond R4.
   */
  async faultOf(topic: string, { key, headers, value }: NewRecord): Promise<EventFault | undefined> {
    const judging = this.#judging();
    const record: LogRecord = {
      ...{ topic, partition: 0, offset: 0, key, headers, timestamp: judging.now },
      value: typeof value === 'string' ? Buffer.from(value) : value,
    };
    const interest = judging.sandbox === true ? { ...EVERY_TYPE, sandbox: true } : EVERY_TYPE;
    const inbound = readInbound(record, interest, judging.now);
    if (inbound !== undefined && !inbound.ok) return inbound.fault;
    const [read] = await this.#reading.read([record], judging);
    const judgement = read!.judgement;
    if (judgement.kind === 'dead-letter') return { reason: judgement.reason, detail: judgement.detail };
    if (judgement.kind !== 'accept' || judgement.persons === undefined) return undefined;
    return (await namesAnother(this.#known, judgement.about.member, judgement.persons)) ? ANOTHER_INSIDE : undefined;
  }
}
