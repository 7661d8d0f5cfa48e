import { describe, expect, it } from 'vitest';
import {
  decodeEvent,
  eventParked,
  type Progress,
  progress as progressSchema,
  PROGRESS_TYPE,
} from '@provider-access/events';
import { Derivation, deadLetterId, deadLetterRecord } from './derivation.ts';
import { openMemoryLog } from './memory/index.ts';
import { partitionFor } from './murmur2.ts';
import { type Batch, EngineUnavailable, type EventLog, type LogRecord, type NewRecord } from './port.ts';

const record = (topic: string, partition: number, offset: number): LogRecord => ({
  topic,
  partition,
  offset,
  key: 'm',
  headers: { ce_type: 'x' },
  value: Buffer.from('{"a":1}'),
  timestamp: 0,
});
const batch = (partition: number, from: number, count = 1): Batch => ({
  topic: 'in',
  partition,
  records: Array.from({ length: count }, (_, i) => record('in', partition, from + i)),
});
/** A key of the given partition (of 4). */
const keyIn = (partition: number): string =>
  Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => partitionFor(key, 4) === partition)!;
const out = (partition: number): NewRecord => ({
  key: 'k',
  partitionKey: keyIn(partition),
  headers: { ce_type: 'pa.x.v1' },
  value: '{}',
});

async function progressIn(log: EventLog, topic: string, partition: number): Promise<Progress[]> {
  const found: Progress[] = [];
  for (const r of await log.read(topic, partition, 0, 1000)) {
    if (r.headers['ce_type'] !== PROGRESS_TYPE) continue;
    const decoded = decodeEvent(r);
    if (decoded.ok) found.push(progressSchema.parse(decoded.event.data));
  }
  return found;
}

function counting(log: EventLog): { log: EventLog; appends: string[] } {
  const appends: string[] = [];
  return {
    appends,
    log: new Proxy(log, {
      get: (target, name: keyof EventLog) =>
        name === 'append'
          ? (topic: string, records: readonly NewRecord[]) => (
              appends.push(`${topic} ${records.length}`),
              target.append(topic, records)
            )
          : (target[name] as (...args: unknown[]) => unknown).bind(target),
    }),
  };
}

describe('Derivation', () => {
  it('appends outputs of the progress partition together with the progress record', async () => {
    const { log, appends } = counting(openMemoryLog());
    await new Derivation({ log, deriver: 'd', progressTopic: 'out' }).complete(batch(2, 0, 3), {
      outputs: [{ topic: 'out', records: [out(2), out(2)] }],
      outcomes: [],
    });
    expect(appends).toEqual(['out 3']);
    expect(await progressIn(log, 'out', 2)).toEqual([{ deriver: 'd', topic: 'in', partition: 2, from: 0, next: 3 }]);
  });

  it('names outputs in other partitions and topics, and keeps naming them in later batches', async () => {
    const log = openMemoryLog();
    const derivation = new Derivation({ log, deriver: 'd', progressTopic: 'out' });
    await derivation.complete(batch(1, 0), {
      outputs: [
        { topic: 'other', records: [out(3)] },
        { topic: 'out', records: [out(1), out(0)] },
      ],
      outcomes: [],
    });
    await derivation.complete(batch(1, 1), { outputs: [], outcomes: [] });
    const after = { other: { 3: 1 }, out: { 0: 1 } };
    expect(await progressIn(log, 'out', 1)).toEqual([
      { deriver: 'd', topic: 'in', partition: 1, from: 0, next: 1, after },
      { deriver: 'd', topic: 'in', partition: 1, from: 1, next: 2, after },
    ]);
  });

  it('covers outputs of another instance for a partition that returns at the same offset', async () => {
    const log = openMemoryLog();
    const options = { log, deriver: 'd', progressTopic: 'out', topics: ['other', 'out'] };
    const [first, second] = [new Derivation(options), new Derivation(options)];
    await first.complete(batch(1, 0), { outputs: [{ topic: 'other', records: [out(3)] }], outcomes: [] });
    // The second instance was killed between append and commit. So the first gets the batch, and has nothing to add.
    await second.complete(batch(1, 1), { outputs: [{ topic: 'other', records: [out(2)] }], outcomes: [] });
    first.assigned();
    await first.complete(batch(1, 1, 2), { outputs: [], outcomes: [] });
    expect((await progressIn(log, 'out', 1)).at(-1)).toMatchObject({
      from: 1,
      next: 3,
      after: { other: { 3: 1, 2: 1 } },
    });
  });

  it('makes dead letters of records with large headers, and reports no invalid receipt', async () => {
    const huge = {
      ...record('in', 0, 0),
      key: 'k'.repeat(5000),
      headers: { ce_type: 'x', ce_id: 'i'.repeat(500_000), other: '\u0001'.repeat(1_000_000) },
    };
    const letter = deadLetterRecord({ topic: 'in', partition: 0 }, huge, 'invalid-data', 'd', 'resources', 0);
    expect(Buffer.byteLength(letter.value)).toBeLessThan(20_000);
    const log = openMemoryLog();
    await new Derivation({ log, deriver: 'd', progressTopic: 'out' }).complete(batch(0, 0), {
      outputs: [],
      outcomes: [
        { receipt: 'r'.repeat(1000), event: 'e', outcome: 'unchanged' },
        { receipt: 'r-1', event: 'e'.repeat(1000), outcome: 'unchanged' },
      ],
    });
    const [progress] = await progressIn(log, 'out', 0);
    expect(progress!.outcomes!.map((o) => [o.receipt, o.items[0]!.event.length])).toEqual([['r-1', 257]]);
  });

  it('covers earlier outputs of another instance by the heads', async () => {
    const log = openMemoryLog();
    const options = { log, deriver: 'd', progressTopic: 'out', topics: ['other', 'out'] };
    const first = new Derivation(options);
    await first.complete(batch(1, 0), { outputs: [{ topic: 'other', records: [out(3)] }], outcomes: [] });
    const second = new Derivation(options);
    await second.complete(batch(1, 1), { outputs: [{ topic: 'other', records: [out(2)] }], outcomes: [] });
    await first.complete(batch(1, 2), { outputs: [], outcomes: [] });
    const entries = await progressIn(log, 'out', 1);
    expect(entries.map((entry) => entry.after)).toEqual([
      { other: { 3: 1 } },
      { other: { 3: 1, 2: 1 } },
      { other: { 3: 1, 2: 1 } },
    ]);
  });

  it('writes no progress when an output was not appended', async () => {
    const log = openMemoryLog();
    const derivation = new Derivation({ log, deriver: 'd', progressTopic: 'out' });
    await log.partitions('other');
    log.faults.loseAnswers = 1;
    const result = { outputs: [{ topic: 'other', records: [out(3)] }], outcomes: [] };
    await expect(derivation.complete(batch(1, 0), result)).rejects.toThrow(EngineUnavailable);
    expect(await progressIn(log, 'out', 1)).toEqual([]);
    await derivation.complete(batch(1, 0), result);
    expect(await progressIn(log, 'out', 1)).toEqual([
      { deriver: 'd', topic: 'in', partition: 1, from: 0, next: 1, after: { other: { 3: 2 } } },
    ]);
  });

  it('appends nothing more once the partition may have another owner, and no progress', async () => {
    const { log, appends } = counting(openMemoryLog());
    const derivation = new Derivation({ log, deriver: 'd', progressTopic: 'out' });
    const result = {
      outputs: [
        { topic: 'other', records: [out(3)] },
        { topic: 'another', records: [out(3)] },
      ],
      outcomes: [],
    };
    let asked = 0;
    await expect(derivation.complete({ ...batch(1, 0), owned: () => asked++ < 1 }, result)).rejects.toThrow(
      EngineUnavailable,
    );
    expect(appends).toEqual(['other 1']);
    await expect(derivation.complete({ ...batch(1, 0), owned: () => false }, result)).rejects.toThrow(
      EngineUnavailable,
    );
    expect(appends).toEqual(['other 1']);
    await derivation.complete({ ...batch(1, 0), owned: () => true }, result);
    expect(appends).toEqual(['other 1', 'other 1', 'another 1', 'out 1']);
  });

  it('counts outcomes per receipt and lists everything but recorded', async () => {
    const log = openMemoryLog();
    await new Derivation({ log, deriver: 'd', progressTopic: 'out' }).complete(batch(0, 0, 4), {
      outputs: [],
      outcomes: [
        { receipt: 'r-1', event: 'e1', outcome: 'recorded' },
        { receipt: 'r-1', event: 'e2', outcome: 'unchanged', about: 'Patient/1' },
        { receipt: 'r-2', event: 'e3', outcome: 'parked', reason: 'schema', deadLetter: 'dl-x' },
        { event: 'e4', outcome: 'recorded' },
      ],
    });
    expect((await progressIn(log, 'out', 0))[0]!.outcomes).toEqual([
      {
        receipt: 'r-1',
        counts: { recorded: 1, unchanged: 1 },
        items: [{ event: 'e2', outcome: 'unchanged', about: 'Patient/1' }],
      },
      {
        receipt: 'r-2',
        counts: { parked: 1 },
        items: [{ event: 'e3', outcome: 'parked', reason: 'schema', deadLetter: 'dl-x' }],
      },
    ]);
  });

  it('passes an empty batch over', async () => {
    const { log, appends } = counting(openMemoryLog());
    await new Derivation({ log, deriver: 'd', progressTopic: 'out' }).complete(
      { topic: 'in', partition: 0, records: [] },
      { outputs: [], outcomes: [] },
    );
    expect(appends).toEqual([]);
  });
});

describe('a record in a dead letter', () => {
  it('has one name for one place', () => {
    expect(deadLetterId('payer.member-events', 1, 2)).toMatch(/^dl-[a-z2-7]{26}$/);
    // A recorded value, because dead letters of earlier versions keep their ids.
    expect(deadLetterId('pa.in.members', 0, 0)).toBe('dl-zjtub4hipcqgzcksd6xn3icl2k');
    expect(deadLetterId('pa.in.clinical', 11, 4242)).toBe('dl-3mhqu7u7ugpllkddxqtr3bpf33');
    expect(
      new Set([deadLetterId('t', 1, 2), deadLetterId('t', 2, 1), deadLetterId('t', 1, 3), deadLetterId('u', 1, 2)])
        .size,
    ).toBe(4);
  });

  it('keeps the original bytes and headers, whatever they are', () => {
    const bytes = Uint8Array.from([0xff, 0x00, 0x7b]);
    const original = { ...record('payer.member-events', 1, 7), value: bytes };
    const made = deadLetterRecord(
      { topic: 'payer.member-events', partition: 1 },
      original,
      'not-json',
      'the data is not JSON',
      'resources',
      0,
    );
    const decoded = decodeEvent(made);
    if (!decoded.ok) throw new Error(decoded.detail);
    const data = eventParked.parse(decoded.event.data);
    expect(data).toMatchObject({
      topic: 'payer.member-events',
      partition: 1,
      offset: 7,
      key: 'm',
      headers: { ce_type: 'x' },
      reason: 'not-json',
      parkedBy: 'resources',
      parkedAt: '1970-01-01T00:00:00.000Z',
    });
    expect(Uint8Array.from(Buffer.from(data.value, 'base64'))).toEqual(bytes);
    expect(made.key).toBe(data.deadLetter);
  });
});
