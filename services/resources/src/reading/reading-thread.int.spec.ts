import { afterEach, describe, expect, it } from 'vitest';
import { encodeEvent, fromStructured, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { condition, event, type EventInput, patient } from '../../test/harness.ts';
import { eventOf, readEvent, type ReadEvent } from './read-event.ts';
import type { JudgeOptions } from '../domain/judge.ts';
import { PackedTail } from '../domain/packed-tail.ts';
import { ReadingThread } from './reading-thread.ts';
import { type ReceivedLine, receiveLine } from './receive-line.ts';

const OPTIONS = { now: Date.UTC(2026, 0, 1), floor: '2016-01-01' };
let reading: ReadingThread;
afterEach(() => reading.onApplicationShutdown());

const stored = (offset: number, value: string | Uint8Array, headers: Readonly<Record<string, string>>): LogRecord => ({
  topic: PAYER_MEMBER_EVENTS,
  partition: 0,
  offset,
  key: headers['ce_subject'] ?? 'k',
  headers,
  value: Buffer.from(value),
  timestamp: 0,
});
function record(offset: number, input: EventInput): LogRecord {
  const read = fromStructured(event(input));
  if (!read.ok) throw new Error(read.detail);
  const { value, headers } = encodeEvent({ ...read.event, extensions: { pareceipt: 'r-1' } });
  return stored(offset, value, headers);
}
/** A batch that is large enough for the thread, with every kind of judgement. */
const batch = (): LogRecord[] => [
  ...Array.from({ length: 100 }, (_, i) =>
    record(i, {
      id: `e${i}`,
      subject: 'm1',
      resource: condition('m1', `c${i}`, { code: { text: `Müller – 東京 ${'x'.repeat(400)}` } }),
    }),
  ),
  record(100, { subject: 'm1', resource: { resourceType: 'Nonsense', id: 'n' } }),
  record(101, { subject: 'm2', resource: patient('m1') }),
  record(102, { subject: 'm1', type: 'payer.member-opted-out.v1', data: {} }),
  record(103, { subject: 'm1', type: 'payer.members-merged.v1', data: { from: 'm0' } }),
  record(104, { subject: 'm1', type: 'payer.resource-deleted.v1', data: { resourceType: 'Condition', id: 'c1' } }),
  stored(105, JSON.stringify(event({ id: 's', subject: 'm1', resource: patient('m1') })), {
    'content-type': 'application/cloudevents+json',
  }),
  stored(106, Buffer.from([0xff, 0xfe]), {}),
  stored(107, '{', {
    ce_type: 'payer.resource-recorded.v1',
    ce_id: 'b',
    ce_source: '/p',
    ce_time: '2025-01-01T00:00:00Z',
  }),
  stored(108, '', {
    ce_type: 'payer.resource-recorded.v1',
    ce_id: 'b',
    ce_source: '/p',
    ce_time: '2025-01-01T00:00:00Z',
  }),
];

/** The lines that come from the thread as bytes, as texts. */
const texts = (events: readonly ReadEvent[]): unknown[] =>
  events.map(({ judgement, ...rest }) => {
    if (judgement.kind !== 'accept') return { ...rest, judgement };
    const { content } = judgement;
    expect(content.tail).toBeInstanceOf(PackedTail);
    return {
      ...rest,
      judgement: { ...judgement, content: { ...content, tail: String(content.tail) } },
    };
  });

it('reads in the thread what it reads at once, record by record', async () => {
  reading = new ReadingThread();
  const records = batch();
  const expected = records.map((r) => eventOf(r, readEvent(r, OPTIONS)));
  expect(new Set(expected.map((e) => e.judgement.kind))).toEqual(
    new Set(['accept', 'remove', 'dead-letter', 'merge', 'other']),
  );
  expect(reading['pool'].threads.size).toBe(0);
  const [first, second] = await Promise.all([reading.read(records, OPTIONS), reading.read(records.slice(3), OPTIONS)]);
  expect(reading['pool'].threads.size).toBe(1);
  expect(texts(first)).toEqual(expected);
  expect(texts(second)).toEqual(expected.slice(3));
  for (const { judgement, names } of first) {
    const about = judgement.kind === 'accept' || judgement.kind === 'remove' ? judgement.about : undefined;
    const name = about === undefined ? '' : `${about.type}/${about.id}`;
    expect(names).toEqual({ name, recordId: about === undefined ? '' : `${about.member}/${name}` });
  }
  // The thread must not take over the buffers of the log, because other groups read them too.
  expect(records[0]!.value.byteLength).toBeGreaterThan(400);
});

it('gives the memory of a task to the next one', async () => {
  reading = new ReadingThread();
  const records = batch();
  const expected = records.map((r) => eventOf(r, readEvent(r, OPTIONS)));
  expect(texts(await reading.read(records, OPTIONS))).toEqual(expected);
  const given = reading['free'][0]!.buffer;
  // What a longer task has left behind the values of a shorter one is no part of it.
  expect(texts(await reading.read(records.slice(0, 90), OPTIONS))).toEqual(expected.slice(0, 90));
  expect(reading['free']).toHaveLength(1);
  expect(given.detached).toBe(true);
  await Promise.all(Array.from({ length: 5 }, () => reading.read(records, OPTIONS)));
  expect(reading['free']).toHaveLength(3);
});

it('starts no thread for what is small', async () => {
  reading = new ReadingThread();
  const [one] = await reading.read([record(0, { resource: patient('m1') })], OPTIONS);
  expect(one!.judgement.kind).toBe('accept');
  expect(reading['pool'].threads.size).toBe(0);
});

it('fails as an engine does when the thread ends, and starts another', async () => {
  reading = new ReadingThread();
  const lost = reading.read(batch(), OPTIONS);
  const died = [...reading['pool'].threads][0]!.worker.terminate();
  await expect(lost).rejects.toThrow(EngineUnavailable);
  await died;
  expect(await reading.read(batch(), OPTIONS)).toHaveLength(batch().length);
});

it('refuses to read once it is closed', async () => {
  reading = new ReadingThread();
  const lost = reading.read(batch(), OPTIONS);
  await Promise.all([expect(lost).rejects.toThrow(EngineUnavailable), reading.onApplicationShutdown()]);
  await expect(reading.read(batch(), OPTIONS)).rejects.toThrow(EngineUnavailable);
});

describe('the lines of a request', () => {
  const line = (n: number): Uint8Array =>
    Buffer.from(JSON.stringify(event({ id: `e${n}`, subject: 'm1', resource: condition('m1', `c${n}`) })));
  const lines = (count: number): Uint8Array[] => [
    ...Array.from({ length: count }, (_, n) => line(n)),
    Buffer.from('{'),
  ];
  const plain = (received: readonly ReceivedLine[]): unknown =>
    JSON.parse(
      JSON.stringify(received, (_, value: unknown) =>
        value instanceof Uint8Array || value instanceof PackedTail ? String(value) : value,
      ),
    );

  it('are received in the thread as at once', async () => {
    reading = new ReadingThread();
    const many = lines(200);
    const received = await reading.receive(many, 'r-1', OPTIONS);
    expect(reading['pool'].threads.size).toBe(1);
    const expected = many.map((one) => receiveLine(one, 'r-1', OPTIONS));
    expect(plain(received)).toEqual(plain(expected));
    expect(received.at(-1)).toEqual({ kind: 'refused', reason: 'not-json', detail: 'this is not JSON' });
  });

  it('are received by this thread if the other one ends', async () => {
    reading = new ReadingThread();
    const many = lines(200);
    const lost = reading.receive(many, 'r-1', OPTIONS);
    await [...reading['pool'].threads][0]!.worker.terminate();
    expect(plain(await lost)).toEqual(plain(many.map((one) => receiveLine(one, 'r-1'))));
  });

  it.each<[why: string, options: Partial<JudgeOptions>, isKept: boolean]>([
    ['the same rules and a later time', { now: OPTIONS.now + 1 }, true],
    ['an earlier time', { now: OPTIONS.now - 1 }, false],
    ['another rule of drugs', { excludesDrugs: true }, false],
  ])('are read from what was kept of them once, with %s', async (_why, options, isKept) => {
    reading = new ReadingThread();
    const one = record(0, { subject: 'm1', resource: patient('m1') });
    const kept = readEvent(record(0, { id: 'kept', subject: 'm1', resource: patient('m1') }), OPTIONS);
    reading.keep(one.headers, kept, OPTIONS);
    const [first] = await reading.read([one], { ...OPTIONS, ...options });
    expect(first!.id === 'kept').toBe(isKept);
    const [second] = await reading.read([one], { ...OPTIONS, ...options });
    expect(second!.id).not.toBe('kept');
  });

  it('gives other requests turns where it reads without the thread', async () => {
    reading = new ReadingThread();
    const line = Buffer.from(JSON.stringify(event({ id: 'e', subject: 'm1', resource: patient('m1') })));
    const lines = Array.from({ length: Math.ceil((4 * 1024 * 1024) / line.byteLength) }, () => line);
    let turns = 0;
    let isRead = false;
    const count = (): void => {
      turns += 1;
      if (!isRead) setImmediate(count);
    };
    setImmediate(count);
    await reading.receive(lines, 'r-1', undefined);
    isRead = true;
    expect(turns).toBeGreaterThanOrEqual(14);
  });
});
