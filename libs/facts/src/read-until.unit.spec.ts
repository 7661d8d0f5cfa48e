import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_PROVIDERS,
  PA_REGISTRY,
  PROGRESS_TYPE,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { expect, it } from 'vitest';
import { PartiesRead } from './read-until.ts';

const record = (topic: string, [partition, offset]: readonly [number, number], type: string, subject?: string) => {
  const event = { id: 'e', source: 'urn:test', type, time: '2026-07-01T00:00:00.000Z', data: {} };
  const { headers, value } = encodeEvent({ ...event, ...(subject !== undefined && { subject }) }, { key: 'k' });
  return { topic, partition, offset, key: 'k', headers, value: Buffer.from(value), timestamp: 0 } as LogRecord;
};

it('P11: counts the records that facts of parties come from, by partition', () => {
  const read = new PartiesRead();
  expect(read.until()).toEqual({});
  read.take(record(PA_REGISTRY, [2, 4], 'pa.app-approved.v1', 'c1'));
  read.take(record(PA_PROVIDERS, [0, 1], 'pa.network-status-recorded.v1', 'npi|1'));
  read.take(record(PA_PROVIDERS, [1, 9], PROGRESS_TYPE));
  read.take(record(PA_DIRECTORY, [0, 3], 'pa.directory-entry-recorded.v1', 'Practitioner/p'));
  const before = read.until();
  expect(before).toEqual({ [PA_REGISTRY]: [-1, -1, 4], [PA_PROVIDERS]: [1], [PA_DIRECTORY]: [3] });
  // A statement about a member is in the document of the member.
  read.take(record(PA_CONSENT, [1, 5], 'pa.opted-out.v1', 'm1'));
  read.take(record(PA_ATTRIBUTION, [1, 6], 'pa.access-held.v1', 'm1'));
  expect(read.until()).toBe(before);
  read.take(record(PA_CONSENT, [1, 7], 'pa.access-held.v1'));
  expect(read.until()).toEqual({ ...before, [PA_CONSENT]: [-1, 7] });
});

it('P11: counts holds of sources that a view has read before', () => {
  const read = new PartiesRead();
  read.resume({ topics: { [PA_CONSENT]: [3, 0], [PA_ATTRIBUTION]: [8] } });
  read.take(record(PA_CONSENT, [0, 1], 'pa.access-held.v1'));
  expect(read.until()).toEqual({ [PA_CONSENT]: [2, -1], [PA_ATTRIBUTION]: [7] });
});
