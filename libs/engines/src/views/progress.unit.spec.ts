import { InboundProgress, type LogRecord, progressOf, settledProgress } from '../log/index.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '@provider-access/testing/variant';
import { progress, record } from './contract/fixture.ts';
import { hasPassed, topicPosition, viewPosition } from './progress.ts';
import type { Checkpoint } from './store.ts';

const TOPICS = ['out.a', 'out.b'];
const offset = fc.nat({ max: 6 });
const entry = fc.record({
  deriver: fc.constantFrom('d1', 'd2'),
  partition: fc.nat({ max: 1 }),
  more: fc.integer({ min: 1, max: 3 }),
  after: fc.option(
    fc.dictionary(fc.constantFrom(...TOPICS, 'out.elsewhere'), fc.dictionary(fc.constantFrom('0', '1'), offset)),
    { nil: undefined },
  ),
});
const step = fc.record({
  topic: fc.constantFrom(...TOPICS),
  partition: fc.nat({ max: 1 }),
  entry: fc.option(entry, { nil: undefined }),
});

describe('progress of a view', () => {
  it('stored by partition, equals that of one reader of all partitions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const reader = new InboundProgress(TOPICS);
        const checkpoints = new Map<string, Checkpoint>();
        const inbound = new Map<string, number>(); // a deriver only ever goes forward
        for (const { topic, partition, entry: heard } of steps) {
          const key = `${topic}/${partition}`;
          const before = checkpoints.get(key) ?? { topic, partition, next: 0, progress: [] };
          const reached = (inbound.get(`${heard?.deriver}/${heard?.partition}`) ?? 0) + (heard?.more ?? 0);
          if (heard) inbound.set(`${heard.deriver}/${heard.partition}`, reached);
          const added = heard ? progress(heard.deriver, 'in', heard.partition, reached, heard.after) : record('k', {});
          const logged: LogRecord = {
            ...added,
            topic,
            partition,
            offset: before.next,
            value: Buffer.from(added.value as string),
            timestamp: 0,
          };
          reader.handled(logged);
          reader.settle();
          const next = before.next + 1;
          const known = progressOf(logged);
          const others = [...checkpoints.values()].filter((c) => c !== before);
          const at = topicPosition(TOPICS, [...others, { ...before, next }]);
          checkpoints.set(key, {
            topic,
            partition,
            next,
            progress: known ? settledProgress(at, [...before.progress, known]) : before.progress,
          });
        }
        const mine = viewPosition(TOPICS, [...checkpoints.values()]).derived;
        for (const deriver of ['d1', 'd2']) {
          for (const p of [0, 1])
            expect(mine[deriver]?.['in']?.[p] ?? 0).toBe(reader.positions(deriver)['in']?.[p] ?? 0);
        }
      }),
      { numRuns: cases(300) },
    );
  });

  it('has entries that hold over all partitions, and those that wait', () => {
    const entry = { deriver: 'd', topic: 'in', partition: 0 };
    const waiting = { ...entry, next: 2, after: { 'out.a': { 0: 4 } } };
    const view = (next: number) =>
      viewPosition(
        ['out.a', 'out.b'],
        [
          { topic: 'out.a', partition: 0, next, progress: [{ ...entry, next: 1 }] },
          { topic: 'out.b', partition: 0, next: 1, progress: [waiting] },
        ],
      );
    expect(view(3)).toEqual({
      topics: { 'out.a': [3], 'out.b': [1] },
      derived: { d: { in: [1] } },
      waiting: [waiting],
    });
    expect(view(4)).toEqual({ topics: { 'out.a': [4], 'out.b': [1] }, derived: { d: { in: [2] } } });
  });

  it('is not passed for an inbound topic while any deriver heard of, or named, is behind', () => {
    const at = { topics: { 'out.a': [3] }, derived: { d1: { in: [5, 1] }, d2: { in: [4] }, d3: { other: [1] } } };
    expect(hasPassed(at, { 'out.a': [3] })).toBe(true);
    expect(hasPassed(at, { 'out.a': [3, 1] })).toBe(false);
    expect(hasPassed(at, { in: [4] })).toBe(true);
    expect(hasPassed(at, { in: [5] })).toBe(false);
    expect(hasPassed(at, { in: [4, 1] })).toBe(false);
    expect(hasPassed(at, { in: [4] }, ['d9'])).toBe(false);
    expect(hasPassed(at, { unknown: [0] })).toBe(true);
    expect(hasPassed(at, { unknown: [1] })).toBe(false);
  });
});
