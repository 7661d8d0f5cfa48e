import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Progress, PROGRESS_TYPE } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { InboundProgress, progressOf, settledProgress } from './progress.ts';
import type { LogRecord } from './port.ts';

const record = (topic: string, partition: number, offset: number, progress?: Partial<Progress>): LogRecord => ({
  topic,
  partition,
  offset,
  key: 'k',
  timestamp: 0,
  headers: { ce_type: progress === undefined ? 'pa.x.v1' : PROGRESS_TYPE },
  value: Buffer.from(JSON.stringify({ deriver: 'd', topic: 'in', partition: 0, next: 1, ...progress })),
});

/** The progress of a reader of these topics after these records. */
function counted(topics: readonly string[], ...records: readonly LogRecord[]) {
  const inbound = new InboundProgress(topics);
  for (const each of records) inbound.handled(each);
  inbound.settle();
  return inbound.positions('d');
}

describe('progress', () => {
  it('counts at once without conditions', () => {
    expect(counted(['out'], record('out', 0, 0))).toEqual({});
    expect(counted(['out'], record('out', 0, 0, { partition: 2, next: 5 }))).toEqual({ in: [0, 0, 5] });
  });

  it('waits for outputs in other partitions and topics that the reader reads', () => {
    const waiting = record('out', 0, 0, { next: 5, after: { other: { 3: 2 }, out: { 1: 1 }, elsewhere: { 0: 9 } } });
    const outputs = [record('other', 3, 1), record('out', 1, 0)];
    expect(counted(['out', 'other'], waiting, outputs[0]!)).toEqual({ in: [0] });
    expect(counted(['out', 'other'], waiting, outputs[1]!)).toEqual({ in: [0] });
    expect(counted(['out', 'other'], waiting, ...outputs)).toEqual({ in: [5] });
  });

  it('counts each record by itself, because `after` is cumulative', () => {
    const waiting = record('out', 0, 0, { next: 5, after: { other: { 3: 2 } } });
    expect(counted(['out', 'other'], waiting, record('out', 0, 1, { next: 9 }))).toEqual({ in: [9] });
  });

  it('never goes back, and keeps derivers of one topic apart', () => {
    const records = [record('out', 0, 0, { next: 5 }), record('out', 0, 1, { next: 3 })];
    expect(counted(['out'], ...records, record('out', 0, 2, { deriver: 'e', next: 7 }))).toEqual({ in: [5] });
  });

  it('is parsed once for all readers of a record in this process', () => {
    const parse = vi.spyOn(JSON, 'parse');
    try {
      const [one, other] = [record('out', 0, 0, { next: 5 }), record('out', 0, 1, { next: 7 })];
      const read = (): unknown => [counted(['out'], one), counted(['out'], one, other)];
      expect([read(), read()]).toEqual(Array(2).fill([{ in: [5] }, { in: [7] }]));
      // A log in this process hands on the headers, whatever else is new.
      expect(progressOf({ ...one })).toBe(progressOf(one));
      expect(parse).toHaveBeenCalledTimes(2);
    } finally {
      parse.mockRestore();
    }
  });

  it('passes over a record that cannot be read', () => {
    const broken = { ...record('out', 0, 0, {}), value: Buffer.from('{') };
    expect(counted(['out'], broken, record('out', 0, 1, { next: 2 }))).toEqual({ in: [2] });
  });

  it('continues from the entries that a view has counted and still waits for', () => {
    const inbound = new InboundProgress(['out', 'other']);
    inbound.resume({ out: [4] }, [{ deriver: 'd', topic: 'in', partition: 0, next: 5, after: { other: { 3: 2 } } }]);
    inbound.counted({ d: { in: [2, 1] } });
    inbound.settle();
    expect(inbound.positions('d')).toEqual({ in: [2, 1] });
    inbound.handled(record('other', 3, 1));
    inbound.settle();
    expect(inbound.positions('d')).toEqual({ in: [5, 1] });
  });

  it('keeps one entry that holds and the entries beyond it', () => {
    const entry = { deriver: 'd', topic: 'in', partition: 0 };
    const beyond = { ...entry, next: 9, after: { out: { 0: 7 } } };
    const others = [1, 5, 3].map((next) => ({ ...entry, next, after: { out: { 0: next } } }));
    expect(settledProgress({ out: [5] }, [beyond, ...others])).toEqual([{ ...entry, next: 5 }, beyond]);
    expect(settledProgress({ out: [0] }, others)).toEqual(others);
  });
});

const PARTITIONS = 3;
/** A batch of `handled` inbound events with one output in each of `outputs`, or a new instance of the deriver. */
const batch = fc.record({ handled: fc.integer({ min: 1, max: 3 }), outputs: fc.subarray([0, 1, 2]) });
const step = fc.oneof(
  { weight: 4, arbitrary: batch },
  { weight: 1, arbitrary: fc.constant('another instance' as const) },
);

describe('a reader of derived records', () => {
  it('counts no event before it has the outputs, and in the end all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(fc.nat({ max: PARTITIONS - 1 })), (steps, order) => {
        // The model of the deriver. `outputs` has the positions of the outputs of each event, and `log` is one topic.
        const log: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
        const outputs: { readonly partition: number; readonly offset: number }[][] = [];
        let after: Record<string, number> = {};
        for (const each of steps) {
          if (each === 'another instance') {
            after = Object.fromEntries(log.map(({ length }, p) => [p, length]));
            continue;
          }
          const places = each.outputs.map((partition) => {
            const offset = log[partition]!.push(record('out', partition, log[partition]!.length)) - 1;
            after[partition] = offset + 1;
            return { partition, offset };
          });
          for (let i = 0; i < each.handled; i++) outputs.push(places);
          log[0]!.push(record('out', 0, log[0]!.length, { next: outputs.length, after: { out: { ...after } } }));
        }
        // The reader reads partitions in any order.
        const inbound = new InboundProgress(['out']);
        const read = log.map(() => 0);
        const take = (partition: number): void => {
          const next = log[partition]![read[partition]!];
          if (next === undefined) return;
          read[partition]! += 1;
          inbound.handled(next);
          inbound.settle();
          const missing = outputs.findIndex((places) => places.some((at) => at.offset >= read[at.partition]!));
          const known = missing === -1 ? outputs.length : missing;
          expect(inbound.positions('d')['in']?.[0] ?? 0).toBeLessThanOrEqual(known);
        };
        for (const partition of order) take(partition);
        for (let p = 0; p < PARTITIONS; p++) while (read[p]! < log[p]!.length) take(p);
        expect(inbound.positions('d')['in']?.[0] ?? 0).toBe(outputs.length);
      }),
      { numRuns: cases(500) },
    );
  });
});
