import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  deadLetterTopic,
  encodeEvent,
  PA_SERVICE_LEVELS,
  PAYER_MEMBER_EVENTS,
  type ServiceLevelStarted,
} from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { Metrics } from '@provider-access/service/observability';
import {
  BusinessCalendar,
  DEFAULT_RULES,
  measure,
  type ServiceLevelReport,
} from '@provider-access/domain/pdex/service-levels';
import { cases } from '@provider-access/testing/variant';
import { ProjectionSet, type ViewReader } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { LevelLedger } from './ledger.ts';
import { serviceLevels } from './projection.ts';
import { type Open, openOf, pendingOf, probeOf, serviceLevelReport, exportScope } from './report.ts';
import { unread } from './unread.ts';

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;
const calendar = new BusinessCalendar({ ...DEFAULT_RULES, holidays: ['2026-11-26'] });
/** A Tuesday, ten o'clock in New York. */
const TUESDAY = at('2026-11-10T10:00:00-05:00');
const SCOPE = 'payer.member-events/3';

class Ledgers {
  readonly log = openMemoryLog({ now: () => TUESDAY });
  readonly views = openMemoryViews();
  readonly metrics = new Metrics();
  now = TUESDAY;
  readonly set = new ProjectionSet({ log: this.log, views: this.views, projections: [serviceLevels] });
  readonly ledger = new LevelLedger({
    log: this.log,
    clock: { now: () => this.now },
    metrics: this.metrics,
    service: 'resources',
  });
  readonly reader: ViewReader = this.views.reader(serviceLevels);
  async settled(): Promise<void> {
    expect(
      await this.reader.waitFor(await this.log.head([PA_SERVICE_LEVELS, deadLetterTopic(PAYER_MEMBER_EVENTS)]), 60_000),
    ).toBe(true);
  }
  async report(from = '2026-11-01', to = '2026-11-30', open?: readonly Open[]): Promise<ServiceLevelReport> {
    await this.settled();
    return serviceLevelReport(this.reader, { from, to }, open ?? (await openOf(this.reader)), this.now, calendar);
  }
  async counted(objective: string): Promise<readonly number[]> {
    const found = (await this.report()).objectives.find((o) => o.objective === objective)!;
    return [found.met, found.missed, found.overdue, found.open.count];
  }
}
const opened: Ledgers[] = [];
async function open(): Promise<Ledgers> {
  const ledgers = new Ledgers();
  await ledgers.set.start();
  opened.push(ledgers);
  return ledgers;
}
afterEach(async () => {
  for (const l of opened.splice(0)) {
    await l.set.stop();
    await l.log.close();
  }
});

/** Claims at offsets [from, next) of one partition, all adjudicated at one time. */
const claims = (from: number, next: number, start = TUESDAY, scope = SCOPE): ServiceLevelStarted => ({
  scope,
  from,
  next,
  starts: Array.from({ length: next - from }, (_, i) => ({
    objective: 'claims-visible' as const,
    offset: from + i,
    at: start,
  })),
});

describe('counted measurements', () => {
  it('by objective and day of the start, with the calendar that was used', async () => {
    const l = await open();
    await l.ledger.started(claims(0, 3), claims(3, 5, at('2026-11-25T09:00:00-05:00')));
    expect(await l.counted('claims-visible')).toEqual([0, 0, 0, 5]);
    await l.ledger.measured(
      measure(claims(0, 3), TUESDAY + 2000, calendar),
      measure(claims(3, 5, at('2026-11-25T09:00:00-05:00')), at('2026-11-27T09:00:01-05:00'), calendar),
    );
    const report = await l.report();
    expect(report.objectives.find((o) => o.objective === 'claims-visible')).toEqual({
      objective: 'claims-visible',
      target: '1 business day',
      met: 3,
      missed: 2,
      overdue: 0,
      share: 0.6,
      p50Ms: expect.any(Number) as number,
      p99Ms: 48 * HOUR + 1000,
      worstMs: 48 * HOUR + 1000,
      open: { count: 0 },
    });
    expect(report.measuredWith).toEqual([
      { timeZone: 'America/New_York', days: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: ['2026-11-26'] },
    ]);
    // Only days of the period count.
    expect((await l.report('2026-11-11', '2026-11-30')).objectives[1]).toMatchObject({ met: 0, missed: 2 });
    expect((await l.report('2026-11-10', '2026-11-10')).objectives[1]).toMatchObject({ met: 3, missed: 0, share: 1 });
    expect((await l.report('2026-12-01', '2026-12-31')).objectives[1]).toEqual({
      objective: 'claims-visible',
      target: '1 business day',
      met: 0,
      missed: 0,
      overdue: 0,
      open: { count: 0 },
    });
    expect(await l.metrics.text()).toMatch(/pa_slo_total\{objective="claims-visible",result="met"\} 3/);
    expect(await l.metrics.text()).toMatch(/pa_slo_duration_seconds_count\{objective="claims-visible"\} 5/);
  });

  it('once, however often and with whatever boundaries a batch was handled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 4 })), {
          minLength: 1,
          maxLength: 8,
        }),
        async (batches) => {
          const l = await open();
          let end = 0;
          for (const [length, back] of batches) {
            // A batch starts at a commit, so it may repeat offsets but never leaves a gap.
            const from = Math.max(0, end - back);
            const next = from + length;
            await l.ledger.started(claims(from, next));
            await l.ledger.measured(measure(claims(from, next), TUESDAY + 1000, calendar));
            end = Math.max(end, next);
          }
          expect(await l.counted('claims-visible')).toEqual([end, 0, 0, 0]);
        },
      ),
      { numRuns: cases(25) },
    );
  });

  it('by scope: the same offset of another partition counts separately', async () => {
    const l = await open();
    for (const scope of ['payer.member-events/0', 'payer.member-events/1'])
      await l.ledger.measured(measure(claims(0, 2, TUESDAY, scope), TUESDAY, calendar));
    expect(await l.counted('claims-visible')).toEqual([4, 0, 0, 0]);
  });

  it('again the same from the log alone', async () => {
    const l = await open();
    await l.ledger.started(claims(0, 3), claims(3, 4));
    await l.ledger.measured(measure(claims(0, 3), TUESDAY + 1, calendar));
    const before = await l.report();
    await l.set.rebuild('service-levels', { graceMs: 0 });
    expect(await l.report()).toEqual(before);
    expect(before.objectives[1]).toMatchObject({ met: 3, open: { count: 1 } });
  });
});

describe('open measurements', () => {
  const job = (id: string, start: number): ServiceLevelStarted => ({
    scope: exportScope(id),
    from: 0,
    next: 1,
    starts: [{ objective: 'answered', offset: 0, at: start }],
  });

  it('is overdue once its day is over, and listed when it is an export', async () => {
    const l = await open();
    await l.ledger.started(
      job('late', TUESDAY),
      job('slow', TUESDAY),
      job('done', TUESDAY),
      job('young', TUESDAY + 20 * HOUR),
    );
    await l.ledger.measured(
      measure(job('done', TUESDAY), TUESDAY + 60_000, calendar),
      measure(job('slow', TUESDAY), TUESDAY + 30 * HOUR, calendar),
    );
    l.now = TUESDAY + 25 * HOUR;
    const answered = (await l.report()).objectives[0]!;
    expect(answered).toMatchObject({
      met: 1,
      missed: 1,
      overdue: 1,
      share: 1 / 3,
      exports: ['slow', 'late'],
      open: {
        count: 2,
        oldest: new Date(TUESDAY).toISOString(),
        deadline: new Date(TUESDAY + 24 * HOUR).toISOString(),
      },
    });
    expect(answered.open.usedShare).toBeCloseTo(1 + 1 / 24);
    expect(pendingOf(await openOf(l.reader), l.now, calendar).map((p) => [p.objective, p.count])).toEqual([
      ['answered', 2],
      ['claims-visible', 0],
      ['prior-authorization-visible', 0],
      ['opt-out-effective', 0],
    ]);
    // A period that ends before the start of a request omits it. A later period shows it as open.
    expect((await l.report('2026-11-01', '2026-11-09')).objectives[0]).toMatchObject({
      overdue: 0,
      open: { count: 0 },
    });
    expect((await l.report('2026-11-12', '2026-11-30')).objectives[0]).toMatchObject({
      overdue: 0,
      open: { count: 2 },
    });
  });

  it('is closed by its end even when its beginning comes again', async () => {
    const l = await open();
    await l.ledger.started(job('a', TUESDAY));
    await l.ledger.measured(measure({ ...job('a', TUESDAY), starts: [] }, TUESDAY + 1, calendar));
    await l.ledger.started(job('a', TUESDAY));
    expect(await l.counted('answered')).toEqual([0, 0, 0, 0]);
  });

  it("has claims in dead letters until they are replayed or discarded, by the payer's time", async () => {
    const l = await open();
    const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
    const parked = (id: string, resource: object | string, type = 'payer.resource-recorded.v1', hours = 12) =>
      encodeEvent({
        id,
        source: 's',
        type: 'pa.event-parked.v1',
        time: '2026-11-10T15:00:00Z',
        subject: id,
        data: {
          deadLetter: id,
          topic: PAYER_MEMBER_EVENTS,
          partition: 0,
          offset: 1,
          key: 'm',
          headers: {
            ce_id: 'e',
            ce_source: 's',
            ce_type: type,
            ce_time: new Date(TUESDAY - hours * HOUR).toISOString(),
            ce_subject: 'm',
          },
          value: Buffer.from(typeof resource === 'string' ? resource : JSON.stringify({ resource })).toString('base64'),
          reason: 'r',
          detail: 'd',
          parkedBy: 'resources',
          parkedAt: 'x',
        },
      });
    await l.log.append(topic, [
      parked('dl-1', String.raw`{"resource":{"resourceType":"Explanati\u006fnOfBenefit","use":"claim"}}`),
      parked('dl-2', { resourceType: 'Condition' }),
      parked('dl-3', {}, 'payer.prior-authorization-changed.v1'),
      parked('dl-1', { resourceType: 'ExplanationOfBenefit', use: 'claim' }),
      // U18: history that is loaded late.
      parked('dl-4', { resourceType: 'ExplanationOfBenefit', use: 'claim' }, undefined, 32 * 24),
    ]);
    await l.settled();
    expect((await openOf(l.reader)).toSorted((a, b) => (a.objective < b.objective ? -1 : 1))).toEqual([
      { objective: 'claims-visible', count: 1, start: TUESDAY - 12 * HOUR, where: 'parked' },
      { objective: 'prior-authorization-visible', count: 1, start: TUESDAY - 12 * HOUR, where: 'parked' },
    ]);
    expect(pendingOf(await openOf(l.reader), TUESDAY, calendar)[1]).toEqual({
      objective: 'claims-visible',
      count: 1,
      usedShare: 0.5,
    });
    await l.log.append(topic, [
      encodeEvent({
        id: 'r',
        source: 's',
        type: 'pa.dead-letter-replayed.v1',
        time: '2026-11-10T15:00:00Z',
        subject: 'dl-1',
        data: { deadLetter: 'dl-1', by: 'a', corrected: false, event: 'e', at: 'x' },
      }),
      encodeEvent({
        id: 'd',
        source: 's',
        type: 'pa.dead-letter-discarded.v1',
        time: '2026-11-10T15:00:00Z',
        subject: 'dl-3',
        data: { deadLetter: 'dl-3', by: 'a', reason: 'x', at: 'x' },
      }),
      // A redelivery that makes a dead letter again.
      parked('dl-1', { resourceType: 'ExplanationOfBenefit', use: 'claim' }),
    ]);
    await l.settled();
    expect(await openOf(l.reader)).toEqual([]);
  });

  it('has more requests than a call may have arguments', async () => {
    const l = await open();
    const claim: Open = { objective: 'claims-visible', count: 1, start: TUESDAY - 12 * HOUR, where: 'unread' };
    const many = Array.from({ length: 300_000 }, () => claim);
    expect(pendingOf(many, TUESDAY, calendar)[1]).toMatchObject({ count: 300_000, usedShare: 0.5 });
    const { objectives } = await l.report('2026-11-01', '2026-11-30', many);
    expect(objectives[1]!.open).toMatchObject({ count: 300_000, oldest: new Date(claim.start).toISOString() });
  });

  it('has records that intake has not read yet', async () => {
    const log = openMemoryLog({ partitions: 1, now: () => TUESDAY });
    const event = (type: string, resource: object): Parameters<typeof log.append>[1][number] =>
      encodeEvent({
        id: `${type}${JSON.stringify(resource)}`,
        source: 's',
        type,
        time: new Date(TUESDAY - HOUR).toISOString(),
        subject: 'm',
        data: { resource },
      });
    await log.append(PAYER_MEMBER_EVENTS, [
      event('payer.resource-recorded.v1', { resourceType: 'ExplanationOfBenefit', use: 'claim', id: 'read' }),
      event('payer.member-opted-out.v1', {}),
      event('payer.resource-recorded.v1', { resourceType: 'Condition' }),
      event('payer.resource-recorded.v1', { resourceType: 'ExplanationOfBenefit', use: 'preauthorization' }),
      event('payer.prior-authorization-changed.v1', {}),
      event('payer.resource-recorded.v1', { resourceType: 'ExplanationOfBenefit', use: 'claim' }),
    ]);
    const found = await unread(log, (objective) => ({
      [PAYER_MEMBER_EVENTS]: [objective === 'opt-out-effective' ? 0 : 1],
    }));
    expect(found.map((o) => [o.objective, o.where])).toEqual([
      ['prior-authorization-visible', 'unread'],
      ['prior-authorization-visible', 'unread'],
      ['claims-visible', 'unread'],
      ['opt-out-effective', 'unread'],
    ]);
    expect(found[0]!.start).toBe(TUESDAY - HOUR);
    expect(await unread(log, () => ({ [PAYER_MEMBER_EVENTS]: [6] }))).toEqual([]);
    // U18: history that is not read yet has no service level.
    const old = event('payer.resource-recorded.v1', { resourceType: 'ExplanationOfBenefit', use: 'claim' });
    await log.append(PAYER_MEMBER_EVENTS, [{ ...old, headers: { ...old.headers, ce_time: '2019-01-02T00:00:00Z' } }]);
    expect(await unread(log, () => ({ [PAYER_MEMBER_EVENTS]: [6] }))).toEqual([]);
    await log.close();
  });
});

it('remembers the last walk of the probe, and when it was last good', async () => {
  const l = await open();
  expect(await probeOf(l.reader)).toBeUndefined();
  await l.ledger.probed({ at: '2026-11-10T10:00:00.000Z', ok: true, steps: [{ step: 'token', ok: true, ms: 12 }] });
  await l.ledger.probed({
    at: '2026-11-10T10:10:00.000Z',
    ok: false,
    failed: 'group',
    steps: [{ step: 'group', ok: false, ms: 30 }],
  });
  // A late report of an older run of the probe.
  await l.ledger.probed({ at: '2026-11-10T10:05:00.000Z', ok: true, steps: [] });
  await l.settled();
  expect(await probeOf(l.reader)).toEqual({
    at: '2026-11-10T10:10:00.000Z',
    ok: false,
    failed: 'group',
    steps: [{ step: 'group', ok: false, ms: 30 }],
    lastSuccess: '2026-11-10T10:00:00.000Z',
  });
});
