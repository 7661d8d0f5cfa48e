import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import type { PayerEvent } from '@provider-access/events';
import { describe, expect, it } from 'vitest';
import { condition } from '../../test/house.ts';
import { decideVersion, type Head, type RecordEvent, takeOver } from './decide.ts';
import { judge, type Judgement } from './judge.ts';

type Versioned = Extract<Judgement, { kind: 'accept' | 'remove' }>;
const judged = (e: { id: string; day: number; sequence?: number; text?: string; deleted?: boolean; old?: boolean }): Versioned => {
  const time = `2025-01-0${e.day}T00:00:00Z`;
  const resource = condition('m1', 'c1', { code: { text: e.text ?? 'x' }, ...(e.old && { clinicalStatus: { coding: [{ code: 'resolved' }] }, abatementDateTime: '2014-01-01', recordedDate: undefined }) });
  const sequence = e.sequence ?? 0;
  const data: unknown = JSON.parse(JSON.stringify(e.deleted ? { resourceType: 'Condition', id: 'c1', sequence } : { resource, sequence }));
  const judgement = judge({ id: e.id, source: '/p', type: e.deleted ? 'payer.resource-deleted.v1' : 'payer.resource-recorded.v1', time, subject: 'm1', data } as PayerEvent, { now: Date.UTC(2026, 0, 1), floor: '2016-01-01' });
  if (judgement.kind !== 'accept' && judgement.kind !== 'remove') throw new Error(`unexpected ${judgement.kind}`);
  return judgement;
};

function run(events: readonly Versioned[]): { head: Head | undefined; last: RecordEvent | undefined; outcomes: string[] } {
  let head: Head | undefined;
  let last: RecordEvent | undefined;
  const outcomes: string[] = [];
  events.forEach((event, i) => {
    const decided = decideVersion(event, head, Math.max(1_000 + i, (head?.lastUpdated ?? 0) + 1));
    outcomes.push(decided.reason === undefined ? decided.outcome : `${decided.outcome} ${decided.reason}`);
    head = decided.head ?? head;
    last = decided.event ?? last;
  });
  return { head, last, outcomes };
}
/** The state, save versionId and lastUpdated. */
function state({ head, last }: ReturnType<typeof run>): unknown {
  const line = last !== undefined && 'line' in last.data ? JSON.parse(last.data.line) as { meta?: unknown } : undefined;
  if (line !== undefined) delete line.meta;
  const { versionId: _v, lastUpdated: _l, ...order } = head!;
  const { versionId: _v2, lastUpdated: _l2, ...data } = last!.data as Record<string, unknown>;
  delete data['line'];
  return { type: last!.type, order, data, line };
}

describe('decideVersion', () => {
  it('makes versions of what is newer and passes over what is older or the same', () => {
    const { outcomes, head, last } = run([judged({ id: 'a', day: 2, text: 'two' }), judged({ id: 'b', day: 1, text: 'one' }), judged({ id: 'a', day: 2, text: 'two' }), judged({ id: 'c', day: 3, text: 'two' }), judged({ id: 'd', day: 4, text: 'four' })]);
    expect(outcomes).toEqual(['recorded', 'unchanged superseded', 'unchanged duplicate', 'unchanged same-content', 'recorded']);
    expect(head).toMatchObject({ versionId: 2, event: 'd' });
    expect(JSON.parse((last!.data as { line: string }).line)).toMatchObject({ meta: { versionId: '2' }, code: { text: 'four' } });
  });
  it('keeps version and time when the same content is confirmed', () => {
    const { head, last } = run([judged({ id: 'a', day: 1 }), judged({ id: 'b', day: 2 })]);
    expect(head).toMatchObject({ versionId: 1, lastUpdated: 1_000, event: 'b' });
    expect(last).toMatchObject({ type: 'pa.record-accepted.v1', data: { versionId: 1, lastUpdated: new Date(1_000).toISOString() } });
  });
  it('breaks ties by sequence, then by event id', () => {
    expect(run([judged({ id: 'a', day: 1, sequence: 2, text: 'late' }), judged({ id: 'b', day: 1, sequence: 1, text: 'early' })]).outcomes).toEqual(['recorded', 'unchanged superseded']);
    expect(run([judged({ id: 'b', day: 1, text: 'b' }), judged({ id: 'a', day: 1, text: 'a' })]).outcomes).toEqual(['recorded', 'unchanged superseded']);
  });
  it('lets a delete that came before its record win', () => {
    const { outcomes, head } = run([judged({ id: 'd', day: 2, deleted: true }), judged({ id: 'a', day: 1 })]);
    expect(outcomes).toEqual(['unchanged never-recorded', 'unchanged superseded']);
    expect(head).toMatchObject({ deleted: true });
  });
  it('lets a newer record live again', () => {
    expect(run([judged({ id: 'a', day: 1 }), judged({ id: 'd', day: 2, deleted: true }), judged({ id: 'e', day: 2, sequence: 1, deleted: true }), judged({ id: 'b', day: 3 })]).outcomes)
      .toEqual(['recorded', 'recorded', 'unchanged already-removed', 'recorded']);
  });
  it('removes a record whose newer version lies before the floor', () => {
    const { outcomes, last } = run([judged({ id: 'a', day: 1 }), judged({ id: 'b', day: 2, old: true }), judged({ id: 'b', day: 2, old: true })]);
    expect(outcomes).toEqual(['recorded', 'before-floor', 'before-floor']);
    expect(last).toMatchObject({ type: 'pa.record-deleted.v1', data: { reason: 'before-floor', versionId: 2 } });
  });
  it('parks an event id that comes again with other content', () => {
    expect(run([judged({ id: 'a', day: 1, text: 'one' }), judged({ id: 'a', day: 2, text: 'two' })]).outcomes).toEqual(['recorded', 'parked event-id-reused']);
    expect(run([judged({ id: 'a', day: 1 }), judged({ id: 'a', day: 1, deleted: true })]).outcomes).toEqual(['recorded', 'parked event-id-reused']);
  });

  it('records an event again whose content a release with other rules of redaction had accepted', () => {
    const event = judged({ id: 'a', day: 1, text: 'kept' });
    if (event.kind !== 'accept') throw new Error('not accepted');
    const { head } = run([event]);
    // What an earlier release made of the same event.
    const before = { ...head!, contentHash: 'redacted otherwise' };
    const decided = decideVersion(event, before, 2_000);
    expect(decided).toMatchObject({ outcome: 'recorded', event: { data: { contentHash: event.content.hash, versionId: 2 } } });
    expect(decideVersion(event, decided.head, 3_000)).toEqual({ outcome: 'unchanged', reason: 'duplicate' });
    // Still older releases did not say what the payer had sent.
    expect(decideVersion(event, { ...before, sourceHash: undefined }, 2_000)).toMatchObject({ outcome: 'recorded' });
    expect(decideVersion(event, { ...before, sourceHash: 'of other content' }, 2_000)).toMatchObject({ outcome: 'parked' });
  });

  it('ends in the same state in whatever order, however often the events come', () => {
    const event = fc.record({ day: fc.integer({ min: 1, max: 4 }), sequence: fc.integer({ min: 0, max: 1 }), text: fc.constantFrom('a', 'b'), kind: fc.constantFrom('live', 'live', 'deleted', 'old') });
    const events = fc.array(event, { minLength: 1, maxLength: 7 }).map((list) => list.map(({ kind, ...e }, i) => judged({ ...e, id: `e${i}`, deleted: kind === 'deleted', old: kind === 'old' })));
    const arrivals = events.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list, ...list], { minLength: list.length * 3, maxLength: list.length * 3 })));
    fc.assert(fc.property(arrivals, ([inOrder, arrived]) => {
      expect(state(run(arrived))).toEqual(state(run(inOrder)));
    }), { numRuns: cases(300) });
  });
});

describe('takeOver', () => {
  it('removes the copy of the retired member under its own order', () => {
    const { head } = run([judged({ id: 'a', day: 1 })]);
    expect(takeOver({ member: 'm2', type: 'Condition', id: 'c1' }, head!, 'm1', 5_000)).toMatchObject({ event: { type: 'pa.record-deleted.v1', data: { member: 'm1', reason: 'merged', versionId: 2 } }, head: { deleted: true } });
  });
});
