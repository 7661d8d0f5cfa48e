import { describe, expect, it } from 'vitest';
import { PROGRESS_TYPE } from '@provider-access/events';
import type { Progress } from '@provider-access/events';
import { ProgressTracker } from './progress.ts';
import type { ProgressState } from './progress.ts';
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

describe('ProgressTracker', () => {
  it('follows progress records without conditions at once', () => {
    const tracker = new ProgressTracker(['out']);
    tracker.record(record('out', 0, 0));
    expect(tracker.derived()).toEqual({});
    tracker.record(record('out', 0, 1, { partition: 2, next: 5 }));
    expect(tracker.derived()).toEqual({ d: { in: [0, 0, 5] } });
  });

  it('waits for outputs in other partitions and topics that it reads', () => {
    const tracker = new ProgressTracker(['out', 'other']);
    tracker.record(record('out', 0, 0, { next: 5, after: { other: { 3: 2 }, out: { 1: 1 } } }));
    tracker.passed('other', 3, 2);
    expect(tracker.derived()).toEqual({});
    tracker.record(record('out', 1, 0));
    expect(tracker.derived()).toEqual({ d: { in: [5] } });
  });

  it('does not wait for topics that it does not read', () => {
    const tracker = new ProgressTracker(['out']);
    tracker.record(record('out', 0, 0, { next: 5, after: { elsewhere: { 3: 2 } } }));
    expect(tracker.derived()).toEqual({ d: { in: [5] } });
  });

  it('does not let a later batch stand for an earlier one whose outputs are missing', () => {
    const tracker = new ProgressTracker(['out', 'other']);
    tracker.record(record('out', 0, 0, { next: 5, after: { other: { 3: 2 } } }));
    tracker.record(record('out', 0, 1, { next: 9 }));
    expect(tracker.derived()).toEqual({});
    tracker.passed('other', 3, 2);
    expect(tracker.derived()).toEqual({ d: { in: [9] } });
  });

  it('keeps derivers of one topic apart', () => {
    const tracker = new ProgressTracker(['out']);
    tracker.record(record('out', 0, 0, { next: 5 }));
    tracker.record(record('out', 0, 1, { deriver: 'e', next: 3 }));
    expect(tracker.derived()).toEqual({ d: { in: [5] }, e: { in: [3] } });
  });

  it('never goes back, and takes a redelivered record for nothing', () => {
    const tracker = new ProgressTracker(['out', 'other']);
    const waiting = record('out', 0, 0, { next: 5, after: { other: { 0: 1 } } });
    tracker.record(waiting);
    tracker.record(waiting);
    expect(tracker.state().pending).toHaveLength(1);
    tracker.passed('other', 0, 1);
    tracker.record(record('out', 0, 1, { next: 3 }));
    expect(tracker.derived()).toEqual({ d: { in: [5] } });
  });

  it('goes on from its state', () => {
    const tracker = new ProgressTracker(['out', 'other']);
    tracker.record(record('out', 0, 0, { next: 2 }));
    tracker.record(record('out', 0, 1, { next: 5, after: { other: { 3: 2 } } }));
    const restored = new ProgressTracker(
      ['out', 'other'],
      JSON.parse(JSON.stringify(tracker.state())) as ProgressState,
    );
    expect(restored.state()).toEqual(tracker.state());
    expect(restored.derived()).toEqual({ d: { in: [2] } });
    restored.passed('other', 3, 2);
    expect(restored.derived()).toEqual({ d: { in: [5] } });
    expect(restored.position()).toEqual({ out: [2], other: [0, 0, 0, 2] });
  });
});
