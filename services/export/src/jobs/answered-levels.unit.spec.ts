import { expect, it } from 'vitest';
import { encodeEvent, PA_EXPORTS, PA_SERVICE_LEVELS, textOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { recordsOf } from '@provider-access/process/testing';
import { Metrics } from '@provider-access/service/observability';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import { type Job, NOT_ACKNOWLEDGED } from '@provider-access/jobs';
import { AnsweredLevels, measureEnd } from './answered-levels.ts';

const calendar = new BusinessCalendar();
const REQUESTED = '2026-11-10T15:00:00.000Z';
const IN_TIME = '2026-11-11T15:00:00.000Z';
const LATE = '2026-11-11T15:00:00.001Z';
const job = { job: 'j1', requestedAt: REQUESTED };
const sealed = (sealedAt: string) => ({
  job: 'j1',
  manifest: 'm',
  files: 1,
  resources: 1,
  dropped: 0,
  sealedAt,
  expiresAt: sealedAt,
});
const ended = (at: string, reason = 'why') => ({ job: 'j1', reason, at });

it.each<[string, Parameters<typeof measureEnd>[1], Parameters<typeof measureEnd>[2], 'met' | 'missed' | 'not counted']>(
  [
    ['complete at the deadline', 'pa.export-sealed.v1', sealed(IN_TIME), 'met'],
    ['complete a millisecond later', 'pa.export-sealed.v1', sealed(LATE), 'missed'],
    ['failed within a minute', 'pa.export-failed.v1', ended('2026-11-10T15:00:30.000Z'), 'missed'],
    ['taken back in time', 'pa.export-cancelled.v1', ended(IN_TIME), 'not counted'],
    ['taken back when it was too late', 'pa.export-cancelled.v1', ended(LATE), 'missed'],
    ['never acknowledged', 'pa.export-cancelled.v1', ended(LATE, NOT_ACKNOWLEDGED), 'not counted'],
  ],
)('%s', (_what, type, data, expected) => {
  const measured = measureEnd(job, type, data, calendar)!;
  expect(measured).toMatchObject({ scope: 'export/j1', from: 0, next: 1 });
  const items = measured.days.flatMap((d) => d.items);
  expect(items.length === 0 ? 'not counted' : items[0]![2] === 1 ? 'met' : 'missed').toBe(expected);
});

it('follows a job from its kick-off, by the times of its events', async () => {
  const log = openMemoryLog();
  const load = async (id: string): Promise<Job | undefined> => (id === 'j1' ? (job as Job) : undefined);
  const levels = new AnsweredLevels({ log, clock: { now: () => 0 }, metrics: new Metrics() }, calendar, { load });
  const record = (type: string, subject: string, data: unknown): LogRecord => {
    const encoded = encodeEvent({ id: type, source: 's', type, time: REQUESTED, subject, data });
    return {
      topic: PA_EXPORTS,
      partition: 0,
      offset: 0,
      key: subject,
      headers: encoded.headers,
      value: Buffer.from(encoded.value),
      timestamp: 0,
    };
  };
  await levels.handle({
    topic: PA_EXPORTS,
    partition: 0,
    records: [
      record('pa.export-requested.v1', 'j1', job),
      record('pa.export-planned.v1', 'j1', {}),
      record('pa.export-downloaded.v1', 'j1', {}),
      record('pa.export-sealed.v1', 'j1', sealed('2026-11-10T15:00:02.000Z')),
      record('pa.export-expired.v1', 'j1', ended(LATE)),
      record('pa.export-sealed.v1', 'unknown', sealed(LATE)),
    ],
  });
  const reported = (await recordsOf(log, PA_SERVICE_LEVELS)).map((one) => JSON.parse(textOf(one)) as unknown);
  expect(reported).toMatchObject([
    { scope: 'export/j1', from: 0, next: 1, starts: [{ objective: 'answered', offset: 0, at: Date.parse(REQUESTED) }] },
    { scope: 'export/j1', days: [{ objective: 'answered', day: '2026-11-10', items: [[0, 2000, 1]] }] },
  ]);
});
