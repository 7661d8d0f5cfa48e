import { expect, it } from 'vitest';
import { toRecord } from './records.ts';

const message = { offset: '7', timestamp: '1000', key: null, value: null };
const context = (timestampType: number) => ({ batchContext: { firstOffset: '0', lastOffsetDelta: 0, timestampType } });

it.each([
  ['the broker set at the append', context(1), undefined],
  ['a producer set', context(0), 'producer'],
  ['a message of before Kafka 0.11 has', {}, 'producer'],
] as const)('says of a time that %s who set it', (_what, more, by) => {
  expect(toRecord('t', 0, { ...message, ...more })).toMatchObject({ offset: 7, timestamp: 1000 });
  expect(toRecord('t', 0, { ...message, ...more }).timestampBy).toBe(by);
});
