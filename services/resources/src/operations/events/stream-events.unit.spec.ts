import { EngineUnavailable } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { Metrics } from '@provider-access/service/observability';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { event, type EventInput, patient } from '../../../test/harness.ts';
import { EventReceiver } from '../../reading/event-receiver.ts';
import { ReadingThread } from '../../reading/reading-thread.ts';
import { EventAppender, type PayerFacts } from './append-events.ts';
import { EventStream } from './stream-events.ts';

const facts: PayerFacts = {
  waitForPayer: () => Promise.resolve(true),
  waitForPayerEverywhere: () => Promise.resolve(true),
  effects: async (all) => all.map(() => ({ status: 'effective' })),
};
const JUDGING = { now: Date.UTC(2027, 0, 1), floor: '2016-01-01' };
const lineOf = (input: EventInput): string => `${JSON.stringify(event(input))}\n`;
const patients = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) =>
    lineOf({ id: `e${from + n}`, subject: `m${from + n}`, resource: patient(`m${from + n}`) }),
  ).join('');

/** Memory of its own, as Node gives each part of a request. */
const chunk = (text: string): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
};

describe('the memory of a request', () => {
  let log: ReturnType<typeof openMemoryLog>;
  let reading: ReadingThread;
  beforeEach(() => {
    log = openMemoryLog({ partitions: 1 });
    reading = new ReadingThread();
  });
  afterEach(async () => {
    await reading.onApplicationShutdown();
    await log.close();
  });

  /** @returns whether each chunk still has its memory */
  async function sent(chunks: readonly Buffer[], records = 2): Promise<readonly boolean[]> {
    const appender = new EventAppender(
      Object.assign(log, { appendSize: { records, bytes: 1e6 } }),
      facts,
      new Metrics(),
    );
    const stream = new EventStream(appender, new EventReceiver(reading, () => JUDGING), 'r-x');
    stream.answer.resume();
    async function* request(): AsyncGenerator<Buffer> {
      yield* chunks;
    }
    const nothing = async (): Promise<void> => undefined;
    await stream.run(request(), () => undefined, nothing).catch(() => undefined);
    return chunks.map(({ byteLength }) => byteLength > 0);
  }
  const subjects = (): (string | undefined)[] =>
    log.data.records(PAYER_MEMBER_EVENTS).flatMap((records) =>
      records.map(({ key, value }) => {
        const data = JSON.parse(Buffer.from(value).toString()) as { resource: { id: string } };
        expect(data.resource.id).toBe(key);
        return key;
      }),
    );
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => `m${n}`);

  it.each([20, 300, 3000, 1e6])('is free once its events are durable, in parts of %i bytes', async (size) => {
    const text = patients(0, 40);
    const parts: Buffer[] = [];
    for (let at = 0; at < text.length; at += size) parts.push(chunk(text.slice(at, at + size)));
    const kept = await sent(parts);
    expect(subjects()).toEqual(numbers(40));
    // The last part is not worth a block of its own.
    expect(kept).toEqual(parts.map((_, at) => at === parts.length - 1));
  });

  it('is free when the thread has read the events, too', async () => {
    const parts = [chunk(patients(0, 200)), chunk(patients(200, 600)), chunk(patients(600, 601))];
    expect(await sent(parts, 250)).toEqual([false, false, false]);
    expect(subjects()).toEqual(numbers(601));
  });

  it('stays while the effect of an opt-out is found out', async () => {
    const optOut = lineOf({ id: 'o', subject: 'm0', type: 'payer.member-opted-out.v1', data: {} });
    // The first one is freed with the block behind it.
    expect(await sent([chunk(patients(0, 4)), chunk(optOut), chunk(patients(4, 8))])).toEqual([true, true, false]);
  });

  it('stays if the log did not store the events', async () => {
    log.append = () => Promise.reject(new EngineUnavailable('the log is away'));
    expect(await sent([chunk(patients(0, 4)), chunk(patients(4, 5))])).toEqual([true, true]);
  });

  it('stays if others use it', async () => {
    const pool = chunk(`${patients(0, 4)} `);
    expect(await sent([pool.subarray(0, -1), chunk(patients(4, 5))])).toEqual([true, false]);
    expect(pool.byteLength).toBeGreaterThan(0);
  });
});
