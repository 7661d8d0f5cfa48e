import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { DEFAULT_LABEL_POLICY, UNREADABLE_LABEL } from '@provider-access/domain/pdex/labels';
import type { PayerEvent } from '@provider-access/events';
import { compareVersions } from '@provider-access/records';
import { describe, expect, it } from 'vitest';
import { condition } from '../../test/harness.ts';
import { decideVersion, type Head, type RecordEvent, takeOver } from './decide.ts';
import { judge, type Judgement } from './judge.ts';

type Versioned = Extract<Judgement, { kind: 'accept' | 'remove' }>;
const judged = (e: {
  id: string;
  day: number;
  sequence?: number;
  text?: string;
  deleted?: boolean;
  recall?: string;
  old?: boolean;
}): Versioned => {
  const time = `2025-01-0${e.day}T00:00:00Z`;
  const resource = condition('m1', 'c1', {
    code: { text: e.text ?? 'x' },
    ...(e.old && {
      clinicalStatus: { coding: [{ code: 'resolved' }] },
      abatementDateTime: '2014-01-01',
      recordedDate: undefined,
    }),
  });
  const sequence = e.sequence ?? 0;
  const data: unknown = JSON.parse(
    JSON.stringify(
      e.deleted ? { resourceType: 'Condition', id: 'c1', sequence, recall: e.recall } : { resource, sequence },
    ),
  );
  const judgement = judge(
    {
      id: e.id,
      source: '/p',
      type: e.deleted ? 'payer.resource-deleted.v1' : 'payer.resource-recorded.v1',
      time,
      subject: 'm1',
      data,
    } as PayerEvent,
    { now: Date.UTC(2026, 0, 1), floor: '2016-01-01' },
  );
  if (judgement.kind !== 'accept' && judgement.kind !== 'remove') throw new Error(`unexpected ${judgement.kind}`);
  return judgement;
};

function run(events: readonly Versioned[]): {
  head: Head | undefined;
  last: RecordEvent | undefined;
  outcomes: string[];
} {
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
describe('decideVersion', () => {
  it('makes versions of what is newer and passes over what is older or the same', () => {
    const { outcomes, head, last } = run([
      judged({ id: 'a', day: 2, text: 'two' }),
      judged({ id: 'b', day: 1, text: 'one' }),
      judged({ id: 'a', day: 2, text: 'two' }),
      judged({ id: 'c', day: 3, text: 'two' }),
      judged({ id: 'd', day: 4, text: 'four' }),
    ]);
    expect(outcomes).toEqual(['recorded', 'superseded', 'unchanged duplicate', 'unchanged same-content', 'recorded']);
    expect(head).toMatchObject({ versionId: 2, event: 'd' });
    expect(JSON.parse(Buffer.from((last!.data as { line: Uint8Array }).line).toString())).toMatchObject({
      meta: { versionId: '2' },
      code: { text: 'four' },
    });
  });
  it('N62 a removal keeps the coverages that the removed version names, also after another removal', () => {
    const named = judged({ id: 'a', day: 1 });
    if (named.kind !== 'accept') throw new Error('unexpected');
    const references = ['Patient/m1', 'Coverage/c1', 'Coverage/c2'];
    const first = { ...named, content: { ...named.content, references } };
    const removed = run([first, judged({ id: 'b', day: 2, deleted: true })]);
    expect(removed.last).toMatchObject({ data: { reason: 'deleted', coverages: ['Coverage/c1', 'Coverage/c2'] } });
    expect(removed.head).toMatchObject({ references: ['Coverage/c1', 'Coverage/c2'] });
    const about = { member: 'm1', type: 'Condition', id: 'c1' };
    const taken = takeOver(about, run([first]).head!, 'm0', 9_000);
    expect(taken.event.data).toMatchObject({ reason: 'merged', coverages: ['Coverage/c1', 'Coverage/c2'] });
  });
  it('keeps version and time when the same content is confirmed', () => {
    const { head, last } = run([judged({ id: 'a', day: 1 }), judged({ id: 'b', day: 2 })]);
    expect(head).toMatchObject({ versionId: 1, lastUpdated: 1_000, event: 'b' });
    expect(last).toMatchObject({
      type: 'pa.record-accepted.v1',
      data: { versionId: 1, lastUpdated: new Date(1_000).toISOString() },
    });
  });
  it('breaks ties by sequence', () => {
    expect(
      run([
        judged({ id: 'a', day: 1, sequence: 2, text: 'late' }),
        judged({ id: 'b', day: 1, sequence: 1, text: 'early' }),
      ]).outcomes,
    ).toEqual(['recorded', 'superseded']);
  });
  it('lets the later append win where business time and sequence are equal, and says so', () => {
    const values = Array.from({ length: 8 }, (_, i) => judged({ id: `e${i}`, day: 1, text: `value ${i}` }));
    const { outcomes, last } = run([...values, ...values]);
    expect(outcomes).toEqual([
      'recorded',
      ...Array<string>(7).fill('recorded same-time'),
      ...Array<string>(7).fill('superseded'),
      'unchanged duplicate',
    ]);
    expect(JSON.parse(Buffer.from((last!.data as { line: Uint8Array }).line).toString())).toMatchObject({
      code: { text: 'value 7' },
      meta: { versionId: '8' },
    });
  });
  it('lets a delete and a record of the same time follow each other', () => {
    const [one, gone, two] = [
      judged({ id: 'z', day: 1, text: 'one' }),
      judged({ id: 'm', day: 1, deleted: true }),
      judged({ id: 'a', day: 1, text: 'two' }),
    ];
    const { outcomes, head } = run([one, gone, two, gone, one]);
    expect(outcomes).toEqual(['recorded', 'recorded same-time', 'recorded same-time', 'superseded', 'superseded']);
    expect(head).toMatchObject({ event: 'a', versionId: 3 });
  });
  it('calls an older event unchanged only if it has the current content', () => {
    expect(
      run([
        judged({ id: 'b', day: 2, text: 'same' }),
        judged({ id: 'a', day: 1, text: 'same' }),
        judged({ id: 'd', day: 1, deleted: true }),
      ]).outcomes,
    ).toEqual(['recorded', 'unchanged same-content', 'superseded']);
  });
  it('compares with the time that an event stated, not with the one under which a tie was written', () => {
    const tied = ['c', 'b', 'a'].map((id) => judged({ id, day: 1, text: id }));
    // An event whose stated time equals the written time of the first correction.
    const next = judged({ id: 'a', day: 1, text: 'next' });
    const later = {
      ...next,
      about: {
        ...next.about,
        order: { ...next.about.order, businessTime: next.about.order.businessTime + 1, event: '0' },
      },
    };
    const { outcomes, head } = run([
      ...tied,
      later,
      judged({ id: 'x', day: 1, text: 'older' }),
      judged({ id: 'y', day: 2, text: 'newest' }),
    ]);
    expect(outcomes).toEqual([
      'recorded',
      'recorded same-time',
      'recorded same-time',
      'recorded',
      'superseded',
      'recorded',
    ]);
    expect(head).toMatchObject({ event: 'y', businessTime: Date.UTC(2025, 0, 2) });
    expect(head).not.toHaveProperty('tie');
  });
  it('remembers a bounded number of events of one time', () => {
    const { head } = run(Array.from({ length: 500 }, (_, i) => judged({ id: `e${i}`, day: 1, text: `value ${i}` })));
    expect(head).toMatchObject({ event: 'e499', versionId: 500 });
    expect(JSON.stringify(head!.tie).length).toBeLessThan(1_200);
  });
  it('lets a delete that came before its record win', () => {
    const { outcomes, head } = run([judged({ id: 'd', day: 2, deleted: true }), judged({ id: 'a', day: 1 })]);
    expect(outcomes).toEqual(['unchanged never-recorded', 'superseded']);
    expect(head).toMatchObject({ deleted: true });
  });
  it('lets a newer record live again', () => {
    expect(
      run([
        judged({ id: 'a', day: 1 }),
        judged({ id: 'd', day: 2, deleted: true }),
        judged({ id: 'e', day: 2, sequence: 1, deleted: true }),
        judged({ id: 'b', day: 3 }),
      ]).outcomes,
    ).toEqual(['recorded', 'recorded', 'unchanged already-removed', 'recorded']);
  });
  it('removes a record whose newer version lies before the floor', () => {
    const { outcomes, last } = run([
      judged({ id: 'a', day: 1 }),
      judged({ id: 'b', day: 2, old: true }),
      judged({ id: 'b', day: 2, old: true }),
    ]);
    expect(outcomes).toEqual(['recorded', 'before-floor', 'before-floor']);
    expect(last).toMatchObject({ type: 'pa.record-deleted.v1', data: { reason: 'before-floor', versionId: 2 } });
  });
  it('parks an event id that comes again with other content', () => {
    expect(run([judged({ id: 'a', day: 1, text: 'one' }), judged({ id: 'a', day: 2, text: 'two' })]).outcomes).toEqual([
      'recorded',
      'parked event-id-reused',
    ]);
    expect(run([judged({ id: 'a', day: 1 }), judged({ id: 'a', day: 1, deleted: true })]).outcomes).toEqual([
      'recorded',
      'parked event-id-reused',
    ]);
  });

  it('records an event again whose content a release with other rules of redaction had accepted', () => {
    const event = judged({ id: 'a', day: 1, text: 'kept' });
    if (event.kind !== 'accept') throw new Error('not accepted');
    const { head } = run([event]);
    // The head that an earlier release made of the same event.
    const before = { ...head!, contentHash: 'redacted otherwise' };
    const decided = decideVersion(event, before, 2_000);
    expect(decided).toMatchObject({
      outcome: 'recorded',
      event: { data: { contentHash: event.content.hash, versionId: 2 } },
    });
    expect(decideVersion(event, decided.head, 3_000)).toEqual({ outcome: 'unchanged', reason: 'duplicate' });
    // Still older releases did not store the hash of the sent resource.
    expect(decideVersion(event, { ...before, sourceHash: undefined }, 2_000)).toMatchObject({ outcome: 'recorded' });
    expect(decideVersion(event, { ...before, sourceHash: 'of other content' }, 2_000)).toMatchObject({
      outcome: 'parked',
    });
  });

  interface Said {
    readonly id: string;
    readonly day: number;
    readonly sequence: number;
    readonly text: string;
    readonly kind: 'live' | 'deleted' | 'old';
  }
  const saids = fc
    .array(
      fc.record({
        day: fc.integer({ min: 1, max: 3 }),
        sequence: fc.integer({ min: 0, max: 1 }),
        text: fc.constantFrom('a', 'b'),
        kind: fc.constantFrom<Said['kind'][]>('live', 'live', 'deleted', 'old'),
      }),
      { minLength: 1, maxLength: 7 },
    )
    // Ids in another order than the events, so that no rule can depend on them.
    .map((list) => list.map((e, i): Said => ({ ...e, id: `e${(i * 5) % 7}` })));
  const arrivals = saids.chain((list) =>
    fc.shuffledSubarray([...list, ...list, ...list], { minLength: list.length * 3, maxLength: list.length * 3 }),
  );
  const given = (list: readonly Said[]): Versioned[] =>
    list.map(({ kind, ...e }) => judged({ ...e, deleted: kind === 'deleted', old: kind === 'old' }));
  /** A second implementation of the rule: the newest by day and sequence, and of equals the last first arrival. */
  function stands(arrived: readonly Said[]): Said {
    const first = arrived.filter((e, i) => arrived.findIndex((other) => other.id === e.id) === i);
    return first.reduce((best, e) =>
      e.day > best.day || (e.day === best.day && e.sequence >= best.sequence) ? e : best,
    );
  }

  it(
    'ends with the newest event in whatever order, however often the events come; of equals with the one that came ' +
      'last',
    () => {
      fc.assert(
        fc.property(arrivals, (arrived) => {
          const { head, last, outcomes } = run(given(arrived));
          const winner = stands(arrived);
          expect({ event: head!.event, deleted: head!.deleted === true }).toEqual({
            event: winner.id,
            deleted: winner.kind !== 'live',
          });
          if (winner.kind === 'live')
            expect(JSON.parse(Buffer.from((last!.data as { line: Uint8Array }).line).toString())).toMatchObject({
              code: { text: winner.text },
            });
          expect(outcomes).toHaveLength(arrived.length);
        }),
        { numRuns: cases(300) },
      );
    },
  );

  it('calls an event unchanged only if it says what stands before and after it', () => {
    fc.assert(
      fc.property(arrivals, (arrived) => {
        const events = given(arrived);
        events.forEach((event, i) => {
          const { head, outcomes } = run(events.slice(0, i + 1));
          if (!outcomes.at(-1)!.startsWith('unchanged')) return;
          expect(head!.deleted === true ? undefined : head!.contentHash).toBe(
            event.kind === 'accept' ? event.content.hash : undefined,
          );
        });
      }),
      { numRuns: cases(100) },
    );
  });

  it('writes orders that only grow as the views compare them, so that a rebuild ends with the same version', () => {
    fc.assert(
      fc.property(arrivals, (arrived) => {
        let head: Head | undefined;
        for (const event of given(arrived)) {
          const decided = decideVersion(event, head, (head?.lastUpdated ?? 0) + 1);
          if (decided.head === undefined) continue;
          if (head !== undefined) expect(compareVersions(decided.head, head)).toBeGreaterThan(0);
          head = decided.head;
        }
      }),
      { numRuns: cases(100) },
    );
  });
});

describe('a recall', () => {
  const wrong = judged({ id: 'a', day: 1, text: 'wrong' });
  const later = (day: number): Versioned => judged({ id: 'r', day, deleted: true, recall: 'recall.1' });
  const recall = later(2);

  it('removes as entered in error, with a label that an earlier release takes for an unreadable one', () => {
    const { outcomes, last, head } = run([wrong, recall]);
    expect(outcomes).toEqual(['recorded', 'recorded']);
    const labels = ['urn:provider-access:tag:recall:::#|'];
    const recalled = '1970-01-01T00:00:01.001Z';
    expect(last).toMatchObject({ data: { reason: 'entered-in-error', versionId: 2, labels, recalled } });
    expect(head).toMatchObject({ deleted: true, labels, recalled: 1001 });
    // By the rules of an earlier release: the label behind the last #, and its rule in each policy.
    const [label] = labels.map((text) => text.slice(text.lastIndexOf('#') + 1));
    expect([label, DEFAULT_LABEL_POLICY[label!]]).toEqual([UNREADABLE_LABEL, 'withhold']);
  });
  it('is remembered by every later version, and its label by none that is live', () => {
    const corrected = judged({ id: 'b', day: 3, text: 'right' });
    const { last, head } = run([wrong, recall, corrected]);
    expect(last).toMatchObject({ type: 'pa.record-accepted.v1', data: { versionId: 3, labels: [] } });
    expect([last!.data.recalled, head!.recalled]).toEqual(['1970-01-01T00:00:01.001Z', 1001]);
    const removed = run([wrong, recall, corrected, judged({ id: 'd', day: 4, deleted: true })]);
    expect(removed.last).toMatchObject({ data: { reason: 'deleted', recalled: '1970-01-01T00:00:01.001Z' } });
    expect(removed.last!.data.labels ?? []).toEqual([]);
    const moved = takeOver({ member: 'm2', type: 'Condition', id: 'c1' }, head!, 'm1', 5_000);
    expect([moved.event.data.recalled, moved.head.recalled]).toEqual(['1970-01-01T00:00:01.001Z', 1001]);
  });
  it('counts for what was removed before, and the same recall again changes nothing', () => {
    const { outcomes, head } = run([wrong, judged({ id: 'd', day: 2, deleted: true }), later(3)]);
    expect(outcomes).toEqual(['recorded', 'recorded', 'unchanged already-removed']);
    expect(head).toMatchObject({ versionId: 2, reason: 'entered-in-error', recalled: 1001 });
    expect(run([wrong, recall, recall, wrong]).outcomes.slice(2)).toEqual(['unchanged duplicate', 'superseded']);
  });
});

describe('takeOver', () => {
  it('removes the copy of the retired member under its own order', () => {
    const { head } = run([judged({ id: 'a', day: 1 })]);
    expect(takeOver({ member: 'm2', type: 'Condition', id: 'c1' }, head!, 'm1', 5_000)).toMatchObject({
      event: { type: 'pa.record-deleted.v1', data: { member: 'm1', reason: 'merged', versionId: 2 } },
      head: { deleted: true },
    });
  });
});
