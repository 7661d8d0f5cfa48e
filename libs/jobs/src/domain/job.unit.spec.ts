import { describe, expect, it } from 'vitest';
import {
  allWritten,
  chunksWritten,
  decide,
  evolve,
  expiresAt,
  isRunning,
  type Job,
  type JobCommand,
  type JobEvent,
  type JobRefusal,
} from './job.ts';

const requested: JobEvent = {
  type: 'pa.export-requested.v1',
  data: {
    job: 'j',
    client: 'c',
    group: 'g',
    operation: '$export',
    request: 'http://x/fhir/Group/g/$export',
    types: ['Patient'],
    warnings: [],
    positions: {},
    transactionTime: 't',
    requestedAt: 'r',
  },
};
const planned = (chunks = 2): JobEvent => ({
  type: 'pa.export-planned.v1',
  data: { job: 'j', members: chunks * 2, chunks, plan: 'jobs/j/plan/1/' },
});
const chunkData = (chunk: number, fence: number) => ({
  job: 'j',
  chunk,
  fence,
  summary: 's',
  members: 2,
  refused: 0,
  resources: 4,
  bytes: 10,
});
const written = (chunk: number, fence: number): JobEvent => ({
  type: 'pa.export-chunk-written.v1',
  data: chunkData(chunk, fence),
});
const sealData = {
  job: 'j',
  manifest: 'jobs/j/seal/9/manifest.json',
  files: 1,
  resources: 8,
  dropped: 0,
  sealedAt: 's',
  expiresAt: 'e',
};
const sealed: JobEvent = { type: 'pa.export-sealed.v1', data: sealData };
const end = { job: 'j', reason: 'why', at: 'a' };
const cancelled: JobEvent = { type: 'pa.export-cancelled.v1', data: end };
const failed: JobEvent = { type: 'pa.export-failed.v1', data: end };
const expired: JobEvent = { type: 'pa.export-expired.v1', data: end };

const given = (...events: JobEvent[]): Job | undefined => events.reduce<Job | undefined>(evolve, undefined);
const when = (command: JobCommand, ...events: JobEvent[]) => decide(command, given(...events));
const request: JobCommand = { kind: 'request', data: requested.data as never };
const plan: JobCommand = { kind: 'plan', data: planned().data as never };
const write = (chunk: number, fence: number): JobCommand => ({ kind: 'write-chunk', data: chunkData(chunk, fence) });
const seal: JobCommand = { kind: 'seal', data: sealData };
const cancel: JobCommand = { kind: 'cancel', data: end };
const fail: JobCommand = { kind: 'fail', data: end };
const expire: JobCommand = { kind: 'expire', data: end };

describe('a job goes on', () => {
  it.each<[string, JobCommand, JobEvent[], JobEvent]>([
    ['is requested once', request, [], requested],
    ['is planned when requested', plan, [requested], planned()],
    ['takes a chunk', write(0, 5), [requested, planned()], written(0, 5)],
    ['takes a redone chunk under a higher fence', write(0, 6), [requested, planned(), written(0, 5)], written(0, 6)],
    ['is sealed when every chunk is written', seal, [requested, planned(), written(0, 5), written(1, 6)], sealed],
    ['is sealed without chunks when nobody is in the Group', seal, [requested, planned(0)], sealed],
    ['is cancelled while requested', cancel, [requested], cancelled],
    ['is cancelled while writing', cancel, [requested, planned()], cancelled],
    ['is cancelled when sealed', cancel, [requested, planned(0), sealed], cancelled],
    ['is cancelled when failed', cancel, [requested, failed], cancelled],
    ['fails while writing', fail, [requested, planned()], failed],
    ['expires when sealed', expire, [requested, planned(0), sealed], expired],
    ['expires when failed', expire, [requested, planned(), failed], expired],
  ])('%s', (_, command, events, expected) => {
    expect(when(command, ...events)).toEqual({ ok: true, event: expected });
  });
});

describe('a job refuses', () => {
  it.each<[JobRefusal, string, JobCommand, JobEvent[]]>([
    ['exists', 'a second request', request, [requested]],
    ['unknown', 'a plan for no job', plan, []],
    ['unknown', 'a cancel of no job', cancel, []],
    ['already-planned', 'a second plan', plan, [requested, planned()]],
    ['not-planned', 'a chunk before the plan', write(0, 1), [requested]],
    ['no-such-chunk', 'a chunk beyond the plan', write(2, 1), [requested, planned()]],
    ['stale-fence', 'the result of a lost lease', write(0, 4), [requested, planned(), written(0, 5)]],
    ['stale-fence', 'the same result again', write(0, 5), [requested, planned(), written(0, 5)]],
    ['not-planned', 'a seal before the plan', seal, [requested]],
    ['chunks-missing', 'a seal with a chunk missing', seal, [requested, planned(), written(1, 5)]],
    ['already-sealed', 'a second seal', seal, [requested, planned(0), sealed]],
    ['already-sealed', 'a chunk after the seal', write(0, 9), [requested, planned(1), written(0, 5), sealed]],
    ['already-sealed', 'to fail after the seal', fail, [requested, planned(0), sealed]],
    ['not-sealed', 'to expire before the seal', expire, [requested, planned()]],
    ['ended', 'anything after a cancel', write(0, 9), [requested, planned(), cancelled]],
    ['ended', 'a second expiry', expire, [requested, failed, expired]],
    ['ended', 'a second cancel', cancel, [requested, cancelled]],
    ['ended', 'a seal after a failure', seal, [requested, planned(0), failed]],
    ['ended', 'a cancel after expiry', cancel, [requested, planned(0), sealed, expired]],
  ])('%s: %s', (refusal, _, command, events) => {
    expect(when(command, ...events)).toEqual({ ok: false, refusal });
  });
});

describe('the form of a job', () => {
  it('knows which result counts and how far it is', () => {
    const job = given(requested, planned(3), written(2, 7), written(0, 5), written(2, 8))!;
    expect(job.written).toEqual([5, 0, 8]);
    expect([chunksWritten(job), allWritten(job), isRunning(job)]).toEqual([2, false, true]);
    expect(allWritten(given(requested)!)).toBe(false);
    expect(allWritten(given(requested, planned(0))!)).toBe(true);
    expect(isRunning(given(requested, planned(0), sealed)!)).toBe(false);
  });
  it('is there for a time after it ended, well or badly', () => {
    const at = (event: JobEvent): JobEvent =>
      ({
        ...event,
        data: { ...event.data, ...{ at: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-04T00:00:00.000Z' } },
      }) as JobEvent;
    expect(expiresAt(given(requested, planned(0))!, 1000)).toBeUndefined();
    expect(expiresAt(given(requested, planned(0), at(sealed))!, 1000)).toBe(Date.parse('2026-01-04T00:00:00.000Z'));
    expect(expiresAt(given(requested, at(failed))!, 1000)).toBe(Date.parse('2026-01-01T00:00:01.000Z'));
  });
  it('says how it ended', () => {
    expect(given(requested, planned(0), sealed, expired)).toMatchObject({
      status: 'expired',
      ended: { reason: 'why', at: 'a' },
      sealed: { manifest: sealData.manifest },
    });
    expect(given(cancelled)).toBeUndefined();
  });
});
