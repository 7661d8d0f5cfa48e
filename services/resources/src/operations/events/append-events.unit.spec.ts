import { Metrics } from '@provider-access/service/observability';
import { expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS } from '@provider-access/events';
import { type AppendSize, EngineUnavailable, type EventLog, type NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { FactsStale } from '@provider-access/facts';
import { condition, event, type EventInput, patient } from '../../../test/harness.ts';
import { EventAppender, type EventRow, type PayerFacts } from './append-events.ts';
import { fromObject } from '../../../test/former-incoming.ts';
import { EventReceiver } from '../../reading/event-receiver.ts';
import { ReadingThread } from '../../reading/reading-thread.ts';
import { EventStream } from './stream-events.ts';

const incoming = (inputs: readonly EventInput[]) =>
  inputs.map((input, index) => fromObject(index, event(input), 'r-x'));
const provider: EventInput = {
  id: 'p',
  subject: '1000000001',
  type: 'payer.provider-recorded.v1',
  resource: { resourceType: 'Organization', id: 'o' },
};
const facts: PayerFacts = {
  waitForPayer: () => Promise.resolve(true),
  waitForPayerEverywhere: () => Promise.resolve(true),
  effects: async (all) => all.map(() => ({ status: 'effective' })),
};
const rowsOf = async (rows: readonly (EventRow | Promise<EventRow>)[]): Promise<string[]> =>
  (await Promise.all(rows)).map((r) => `${r.id}: ${r.status}${r.reason === undefined ? '' : ` (${r.reason})`}`);
/** A log whose appends to one topic fail, before or after the write. */
function without(topic: string, maxRecordBytes?: number) {
  const log = openMemoryLog(maxRecordBytes === undefined ? {} : { maxRecordBytes });
  const append = log.append.bind(log);
  log.append = (to: string, records: readonly NewRecord[]) =>
    to === topic ? Promise.reject(new EngineUnavailable('the log is away')) : append(to, records);
  return log;
}

it('says of each event which topic took it, and what to send again', async () => {
  const log = without(PAYER_PROVIDER_EVENTS);
  const rows = await new EventAppender(log, facts, new Metrics()).append(
    incoming([
      { id: 'a', resource: patient('m1') },
      provider,
      { id: 'c', type: 'payer.member-opted-out.v1', data: {} },
    ]),
    'r-x',
  );
  expect(await rowsOf(rows)).toEqual(['a: accepted', 'p: unavailable (log-unavailable)', 'c: effective']);
  await log.close();
});

it('appends as much together as the log likes, and as the default where it says nothing', async () => {
  const sizesOf = async (appendSize?: AppendSize): Promise<number[]> => {
    const log = openMemoryLog();
    const append = log.append.bind(log);
    const sizes: number[] = [];
    const watched = {
      ...(appendSize && { appendSize }),
      append: (topic: string, records: readonly NewRecord[]) => (sizes.push(records.length), append(topic, records)),
    } as EventLog;
    const many = Array.from({ length: 600 }, (_, n) => ({ id: `e${n}`, resource: condition('m1', `c${n}`) }));
    await new EventAppender(watched, facts, new Metrics()).append(incoming(many), 'r-x');
    await log.close();
    return sizes;
  };
  expect(await sizesOf()).toEqual([250, 250, 100]);
  expect(await sizesOf({ records: 400, bytes: 1e6 })).toEqual([400, 200]);
});

it('refuses in a sandbox what does not come from its synthetic payer, and stores the rest', async () => {
  const log = openMemoryLog();
  const rows = await new EventAppender(log, facts, new Metrics(), true).append(
    [
      fromObject(0, event({ id: 'a', resource: patient('m1') }), 'r-x'),
      fromObject(
        1,
        { ...event({ id: 'b', resource: patient('m2') }), source: 'urn:provider-access:sandbox/claims' },
        'r-x',
      ),
    ],
    'r-x',
  );
  expect(await rowsOf(rows)).toEqual(['a: refused (not-from-the-sandbox)', 'b: accepted']);
  const stored = (await log.head([PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS]!.reduce((a, b) => a + b, 0);
  expect(stored).toBe(1);
  await log.close();
});

it.each(['waitForPayerEverywhere', 'effects'] as const)(
  'says accepted when the facts are too old to say more (%s)',
  async (asked) => {
    const log = openMemoryLog();
    const rows = await new EventAppender(
      log,
      { ...facts, [asked]: () => Promise.reject(new FactsStale()) },
      new Metrics(),
    ).append(incoming([{ id: 'c', type: 'payer.member-opted-out.v1', data: {} }]), 'r-x');
    expect(await rowsOf(rows)).toEqual(['c: accepted']);
    await log.close();
  },
);

it('throws when no topic took anything: the request is repeated as a whole', async () => {
  const log = without(PAYER_MEMBER_EVENTS);
  await expect(
    new EventAppender(log, facts, new Metrics()).append(incoming([{ id: 'a', resource: patient('m1') }]), 'r-x'),
  ).rejects.toThrow(EngineUnavailable);
  await log.close();
});

it('refuses what is too large for this log by itself, and takes its neighbours', async () => {
  const log = openMemoryLog({ maxRecordBytes: 3000 });
  const large = (id: string): EventInput => ({
    id,
    resource: condition('m1', id, { note: [{ text: 'x'.repeat(5000) }] }),
  });
  const rows = await new EventAppender(log, facts, new Metrics()).append(
    incoming([
      large('l1'),
      { id: 'a', resource: patient('m1') },
      large('l2'),
      { id: 'o', type: 'payer.member-opted-out.v1', data: {} },
    ]),
    'r-x',
  );
  expect(await rowsOf(rows)).toEqual([
    'l1: refused (too-large)',
    'a: accepted',
    'l2: refused (too-large)',
    'o: effective',
  ]);
  expect((await log.head([PAYER_MEMBER_EVENTS]))[PAYER_MEMBER_EVENTS]!.reduce((a, b) => a + b, 0)).toBe(2);
  await log.close();
});

it('ends a stream behind a part that was not taken, without counting it', async () => {
  const log = without(PAYER_PROVIDER_EVENTS);
  const stream = new EventStream(
    new EventAppender(log, facts, new Metrics()),
    new EventReceiver(new ReadingThread(), undefined),
    'r-x',
  );
  let text = '';
  stream.answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
  async function* request(): AsyncGenerator<Buffer> {
    yield Buffer.from([{ id: 'a', resource: patient('m1') }, provider].map((e) => JSON.stringify(event(e))).join('\n'));
  }
  let kept = -1;
  const summary = await stream.run(
    request(),
    () => undefined,
    (n) => {
      kept = n;
      return Promise.resolve();
    },
  );
  expect(summary).toMatchObject({ complete: false, accepted: 1, refused: 0 });
  expect(kept).toBe(1);
  expect(
    text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status?: string }).status),
  ).toEqual(['accepted', 'unavailable', 'unavailable', undefined]);
  await log.close();
});
