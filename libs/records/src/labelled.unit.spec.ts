import { describe, expect, it } from 'vitest';
import { labelRules } from '@provider-access/domain/pdex/labels';
import { PA_RECORDS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { TopicEvolve } from '@provider-access/engines/views';
import { labelled, LabelledMembers, LastLabelled } from './labelled.ts';

const HIV = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
const NORMAL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N';
const topic = labelled.topics[PA_RECORDS]! as TopicEvolve<object>;

function recordOf(data: object, { key = 'm1/Condition/c', type = 'pa.record-accepted.v1', at = 1 } = {}): LogRecord {
  const headers = { ce_type: type, ce_time: new Date(at).toISOString() };
  const value = Buffer.from(JSON.stringify({ line: '{"resourceType":"Condition","id":"c"}', ...data }));
  return { topic: PA_RECORDS, partition: 0, offset: 0, timestamp: 0, key, headers, value };
}
const folded = (...some: readonly LogRecord[]): object | undefined =>
  some.reduce<object | undefined>(
    (part, record) =>
      topic
        .keys(record)
        .reduce<object | undefined>((now, key) => (topic.evolve(now, record, key) as object) ?? now, part),
    undefined,
  );

describe('the view of members with labelled resources', () => {
  it('has the newest time of a type, apart for ordinary labels', () => {
    expect(
      folded(
        recordOf({ labels: [NORMAL] }, { at: 5 }),
        recordOf({ labels: [NORMAL, HIV] }, { at: 9 }),
        recordOf({ labels: [HIV] }, { at: 7 }),
        recordOf({ labels: [HIV] }, { key: 'm1/Goal/g', type: 'pa.record-deleted.v1', at: 3 }),
      ),
    ).toEqual({ marked: { Condition: 9, Goal: 3 }, ordinary: { Condition: 5 } });
  });
  it('has nothing of unlabelled resources, whatever texts they have', () => {
    const line = JSON.stringify({ text: '"labels":["x"]', labels: ['x'] });
    for (const data of [{ labels: [], line }, { line }, { labels: [], tokens: ['"labels":["x"'], line }])
      expect(topic.keys(recordOf(data))).toEqual([]);
    expect(topic.keys(recordOf({ labels: [HIV] }, { type: 'pa.progress.v1' }))).toEqual([]);
    expect(topic.keys(recordOf({ reason: 'deleted' }, { type: 'pa.record-deleted.v1' }))).toEqual([]);
  });
  it('has what moved to another id, and takes labels that it cannot read for marks', () => {
    const merged = recordOf({ reason: 'merged' }, { type: 'pa.record-deleted.v1', at: 4 });
    expect([topic.keys(merged), folded(merged)]).toEqual([['m1'], { marked: { Condition: 4 }, ordinary: {} }]);
    const many = Array.from({ length: 500 }, (_, i) => `${NORMAL}${'x'.repeat(200)}${i}`);
    expect(folded(recordOf({ labels: many }, { at: 6 }))).toMatchObject({ marked: { Condition: 6 } });
    const odd = folded(recordOf({ labels: ['a"]|b\\', NORMAL] }, { at: 8 }));
    expect(odd).toMatchObject({ marked: { Condition: 8 }, ordinary: {} });
  });
  it('searches a record that other rules labelled, and keeps the labels that those found', () => {
    const coding = [{ system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'F11.20' }];
    const line = JSON.stringify({ resourceType: 'Condition', id: 'c', code: { coding } });
    const plain = JSON.stringify({ resourceType: 'Condition', id: 'c', code: { text: 'asthma' } });
    const found = { marked: { Condition: 1 }, ordinary: {} };
    for (const labelsBy of [undefined, '1', 'another.list']) {
      expect(folded(recordOf({ labels: [], labelsBy, line }))).toEqual(found);
      expect(folded(recordOf({ labels: [NORMAL], labelsBy, line }))).toEqual(found);
      expect(folded(recordOf({ labels: [HIV], labelsBy, line: plain }))).toEqual(found);
      expect(folded(recordOf({ labels: [], labelsBy, line: plain }))).toBeUndefined();
    }
    for (const unreadable of ['{', '', undefined])
      expect(folded(recordOf({ labels: [], labelsBy: '1', line: unreadable }))).toEqual(found);
    // What the rules in force found needs no search.
    expect(folded(recordOf({ labels: [], labelsBy: labelRules(), line }))).toBeUndefined();
    expect(folded(recordOf({ labels: [NORMAL], labelsBy: labelRules(), line }))).toEqual({
      marked: {},
      ordinary: { Condition: 1 },
    });
  });
  it('tells whose resources of a type, or of any, got labels since a time, in one query', async () => {
    const asked: (readonly string[])[] = [];
    const document = { _id: 'm1', labelled: { marked: { Goal: 5 }, ordinary: { Condition: 7 } } };
    const last = new LastLabelled({
      async getMany(ids: readonly string[]) {
        asked.push(ids);
        return ids.map((id) => (id === 'm1' ? document : undefined));
      },
    });
    await last.read(['m1', 'm2']);
    await last.read(['m2', 'm1']);
    expect(asked).toEqual([['m1', 'm2']]);
    expect([5, 6].map((time) => last.since(time, 'm1', 'Goal', false))).toEqual([true, false]);
    expect([true, false].map((ordinary) => last.since(6, 'm1', undefined, ordinary))).toEqual([true, false]);
    expect([last.since(0, 'm2', undefined, true), last.since(7, 'm1', 'Condition', true)]).toEqual([false, true]);
  });
});

describe('the labelled members for downloads', () => {
  const documentOf = (_id: string, time: number) => ({ _id, labelled: { marked: { Goal: time }, ordinary: {} } });
  function opened(generation: number | undefined, most?: number) {
    const asked: (readonly string[])[] = [];
    const stored = new Map([['m1', documentOf('m1', 1)]]);
    const view = { generation, meanwhile: (): void => undefined };
    const reader = {
      generation: () => view.generation,
      async getMany(ids: readonly string[]) {
        asked.push(ids);
        const found = ids.map((id) => stored.get(id));
        view.meanwhile();
        return Promise.resolve(found);
      },
    };
    return { asked, stored, view, members: new LabelledMembers(reader, most) };
  }

  it('are read once while nothing changes, also those without a document', async () => {
    const { asked, stored, view, members } = opened(1);
    expect(await members.getMany(['m2', 'm1'])).toEqual([undefined, documentOf('m1', 1)]);
    expect(await members.getMany(['m1', 'm2', 'm3', 'm1'])).toEqual([
      ...[documentOf('m1', 1), undefined, undefined],
      documentOf('m1', 1),
    ]);
    expect(asked).toEqual([['m2', 'm1'], ['m3']]);
    stored.set('m2', documentOf('m2', 5));
    view.generation = 2;
    expect(await members.getMany(['m2', 'm1'])).toEqual([documentOf('m2', 5), documentOf('m1', 1)]);
    expect(asked.at(-1)).toEqual(['m2', 'm1']);
  });

  it('are read for each call where other processes write the view', async () => {
    const { asked, members } = opened(undefined);
    await members.getMany(['m1']);
    await members.getMany(['m1']);
    expect(asked).toEqual([['m1'], ['m1']]);
  });

  it('are read again after a change that came while they were read', async () => {
    const { stored, view, members } = opened(1);
    view.meanwhile = () => {
      stored.set('m2', documentOf('m2', 5));
      view.generation = 2;
    };
    expect(await members.getMany(['m2'])).toEqual([undefined]);
    view.generation = 1;
    expect(await members.getMany(['m2'])).toEqual([documentOf('m2', 5)]);
  });

  it('are forgotten when they are many', async () => {
    const { asked, members } = opened(1, 2);
    await members.getMany(['m1', 'm2', 'm3']);
    await members.getMany(['m1']);
    expect(asked).toEqual([['m1', 'm2', 'm3'], ['m1']]);
  });
});
