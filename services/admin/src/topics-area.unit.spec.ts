import type { TopicChange } from '@provider-access/engines/log/kafka';
import { DEFAULT_MAX_RECORD_BYTES, PAYER_TOPICS, TOPICS } from '@provider-access/events';
import { expect, test } from 'vitest';
import { desiredTopics } from './config.ts';
import { topicRows } from './topics-area.ts';

const NAMES = TOPICS.map(({ name }) => name);
const retention = (topic: string, is: string): TopicChange => ({
  kind: 'differs',
  topic,
  setting: 'retention.ms',
  is,
  wanted: '2592000000',
});
const DAY = 86_400_000;

test('every topic has a row', () => {
  expect(topicRows([], NAMES, '')).toEqual(
    NAMES.map((what) => ({ area: 'topics', what, is: 'as declared', shouldBe: 'as declared', action: 'none' })),
  );
});

test('a payer topic that the payer keeps longer is as it should be; another topic is not', () => {
  for (const longer of [String(365 * DAY), '-1'])
    expect(topicRows([retention('x.payer.member-events', longer)], NAMES, 'x.').every((r) => r.action === 'none')).toBe(
      true,
    );
  expect(
    topicRows(
      [
        {
          kind: 'configure',
          topic: 'payer.member-events',
          setting: 'retention.ms',
          is: String(DAY),
          wanted: String(30 * DAY),
        },
      ],
      NAMES,
      '',
    )[0],
  ).toMatchObject({ is: '1 days', shouldBe: '30 days', action: 'change' });
  expect(topicRows([retention('pa.consent', '-1')], NAMES, '').filter((r) => r.action === 'by hand')).toHaveLength(1);
});

test('a partition count that differs is for people, with the documented way', () => {
  const [row] = topicRows(
    [{ kind: 'differs', topic: 'pa.records', setting: 'partitions', is: '6', wanted: '12' }],
    ['pa.records'],
    '',
  );
  expect(row).toEqual({
    area: 'topics',
    what: 'pa.records partitions',
    is: '6',
    shouldBe: '12',
    action: 'by hand',
    note: expect.stringContaining('/docs/topics.html') as string,
  });
});

test(
  'desired topics: wide ones alike, truth for ever, payer topics and versions as long as said, one record larger ' +
    'than the largest inbound one',
  () => {
    const desired = desiredTopics({
      partitions: 24,
      replication: 3,
      minInsyncReplicas: 2,
      payerRetentionDays: 90,
      versionRetentionDays: 500,
    });
    const days: Readonly<Record<string, number>> = { inbound: 90, derived: 500 };
    const of = (name: string) => desired.find((d) => d.name === name)!;
    const wide = TOPICS.filter((t) => t.spread === 'wide').map(({ name }) => of(name).partitions);
    expect(new Set(wide)).toEqual(new Set([24]));
    for (const { name, role, cleanup } of TOPICS) {
      expect(of(name)).toMatchObject({
        replication: 3,
        minInsyncReplicas: 2,
        compacted: cleanup === 'compact',
        retentionMs: cleanup === 'delete' ? days[role]! * DAY : 'unlimited',
      });
      expect(of(name).maxMessageBytes).toBe(
        (PAYER_TOPICS as readonly string[]).includes(name) ? DEFAULT_MAX_RECORD_BYTES : 13 * 1024 * 1024,
      );
    }
    expect(
      Math.max(...desiredTopics({ partitions: 1, replication: 1, minInsyncReplicas: 1 }).map((d) => d.partitions)),
    ).toBe(1);
  },
);
