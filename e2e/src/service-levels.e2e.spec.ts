import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { creation, probeResources, type ProbeWorld, type SloReport } from '@provider-access/cli';
import { freshPlatform, publishAll, registerApp, SEPARATE, type TestApp } from './harness.ts';
import { paOf, type Pa } from './pa.ts';
import { findGroup, http, json, kickOff, optIn, optOut, payerEvent, sealed, tell, type GroupResource } from './road.ts';

const HOUR = 3_600_000;
/** Every day is a business day here, in UTC: a deadline is 24 hours after its start, whenever this runs. */
const ENV = { BUSINESS_TIME_ZONE: 'UTC', BUSINESS_DAYS: 'mon,tue,wed,thu,fri,sat,sun', EXPORT_KICK_OFFS_PER_HOUR: '1000' };
const world: ProbeWorld = { member: 'm-levels', npi: '1234567893' };

const claimOf = (id: string, use = 'claim'): Record<string, unknown> => ({ ...probeResources(world).find((r) => r['use'] === use)!, id });
/** Adjudicated, according to the payer, so long ago. */
function claim(id: string, hoursAgo: number, use = 'claim'): DomainEvent {
  const event = payerEvent(use === 'claim' ? 'payer.resource-recorded.v1' : 'payer.prior-authorization-changed.v1', world.member, { resource: claimOf(id, use) });
  return { ...event, time: new Date(Date.now() - hoursAgo * HOUR).toISOString() };
}
/** Counts and no more, by objective: [met, missed, overdue, open]. */
const counts = (report: SloReport): Record<string, number[]> => Object.fromEntries(report.objectives.map((o) => [o.objective, [o.met, o.missed, o.overdue, o.open.count]]));

describe('service levels of a platform', { timeout: 120_000 }, () => {
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let pa: Pa;
  let app: TestApp;
  let group: GroupResource;
  const slo = async (...args: string[]): Promise<{ report: SloReport; code: number | null }> => {
    const from = new Date(Date.now() - 30 * 24 * HOUR).toISOString().slice(0, 10);
    const { stdout, stderr, code } = await pa('slo', '--json', '--from', from, ...args);
    if (stdout === '') throw new Error(stderr);
    return { report: JSON.parse(stdout) as SloReport, code };
  };
  /** Measured in the background: until it is what it must be. */
  const becomes = (expected: Record<string, number[]>): Promise<void> => vi.waitFor(async () => expect(counts((await slo()).report)).toEqual(expected), { timeout: 30_000, interval: 250 });

  beforeAll(async () => {
    fresh = await freshPlatform({ env: ENV });
    pa = paOf(fresh.platform(), fresh.folder);
    await publishAll(fresh.platform(), creation(world, new Date().toISOString()));
    app = await registerApp(fresh.platform(), { name: 'Levels', npi: world.npi });
    await vi.waitFor(async () => (group = await findGroup(fresh.platform(), await app.tokens.get(), world.npi)), { timeout: 30_000 });
  }, 120_000);
  afterAll(() => fresh?.dispose());

  test('what was published, asked and said is counted exactly, and the report says so', async () => {
    await becomes({ answered: [0, 0, 0, 0], 'claims-visible': [1, 0, 0, 0], 'prior-authorization-visible': [1, 0, 0, 0], 'opt-out-effective': [0, 0, 0, 0] });
    expect((await slo()).code).toBe(0);
    // Two fresh claims and a repeated one; two that the payer adjudicated two days ago; a prior authorization of each kind.
    const repeated = claim('c-1', 1);
    await publishAll(fresh.platform(), [repeated, repeated, claim('c-2', 23), claim('c-3', 25), claim('c-4', 49), claim('pa-1', 2, 'preauthorization'), claim('pa-2', 72, 'preauthorization')]);
    const token = await app.tokens.get();
    await sealed(await kickOff(fresh.platform(), token, group.id), token);
    await sealed(await kickOff(fresh.platform(), token, group.id), token);
    // Taken back in time: nobody waited for an answer.
    const cancelled = await kickOff(fresh.platform(), token, group.id);
    expect((await http(cancelled, { method: 'DELETE', token })).status).toBe(202);
    expect((await tell(fresh.platform(), optOut(world.member))).status).toBe('effective');
    expect((await tell(fresh.platform(), optIn(world.member))).status).toBe('effective');
    await vi.waitFor(async () => {
      const { answered, 'opt-out-effective': optOuts, ...others } = counts((await slo()).report);
      expect(others).toEqual({ 'claims-visible': [3, 2, 0, 0], 'prior-authorization-visible': [2, 1, 0, 0] });
      // One; within its second unless the machine is busy with something else.
      expect([[1, 0, 0, 0], [0, 1, 0, 0]]).toContainEqual(optOuts);
      // It may have been complete before it was taken back.
      expect([[2, 0, 0, 0], [3, 0, 0, 0]]).toContainEqual(answered);
    }, { timeout: 30_000, interval: 250 });
    const { report, code } = await slo();
    expect(code).toBe(1);
    expect(report.measuredWith).toEqual([{ timeZone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], holidays: [] }]);
    const visible = report.objectives.find((o) => o.objective === 'claims-visible')!;
    expect(visible.share).toBe(0.6);
    expect(visible.worstMs).toBeGreaterThanOrEqual(49 * HOUR);
    expect(visible.worstMs).toBeLessThan(50 * HOUR);
    expect(report.objectives[0]!.exports).toEqual([]);
    const text = await pa('slo', '--from', report.from);
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/claims-visible +5 +3 +2 +0 +60\.000 %/);
    expect(text.stdout).toContain('business days: mon tue wed thu fri sat sun in UTC, no holidays');
    // No member, no resource, anywhere in it.
    expect(JSON.stringify(report)).not.toContain(world.member);
  });

  test('what was adjudicated on another day is of that day', async () => {
    const day = new Date(Date.now() - 49 * HOUR).toISOString().slice(0, 10);
    const { stdout } = await pa('slo', '--json', '--from', day, '--to', day);
    expect(counts(JSON.parse(stdout) as SloReport)['claims-visible']).toEqual([0, new Date(Date.now() - 25 * HOUR).toISOString().slice(0, 10) === day ? 2 : 1, 0, 0]);
  });

  test('is exported as metrics, and what is parked uses its time', async () => {
    const text = async (): Promise<string> => (await http(`${fresh.platform().base}/metrics`)).body.toString('utf8');
    if (!SEPARATE) {
      const metrics = await text();
      expect(metrics).toMatch(/pa_slo_total\{objective="claims-visible",result="met"\} 3/);
      expect(metrics).toMatch(/pa_slo_total\{objective="claims-visible",result="missed"\} 2/);
      expect(metrics).toMatch(/pa_slo_total\{objective="opt-out-effective",result="(met|missed)"\} 1/);
      expect(metrics).toMatch(/pa_slo_pending\{objective="answered"\} 0/);
    }
    // A claim of yesterday noon that no intake can take: a person has until its deadline.
    await publishAll(fresh.platform(), [{ ...claim('c-parked', 12), data: { resource: { ...claimOf('c-parked'), patient: { reference: 'Patient/somebody-else' } } } }]);
    await vi.waitFor(async () => {
      const { open } = (await slo()).report.objectives.find((o) => o.objective === 'claims-visible')!;
      expect(open.count).toBe(1);
      expect(open.usedShare).toBeCloseTo(0.5, 2);
    }, { timeout: 30_000, interval: 250 });
    if (!SEPARATE) {
      await vi.waitFor(async () => {
        const ratio = Number(/pa_slo_oldest_elapsed_ratio\{objective="claims-visible"\} (\S+)/.exec(await text())?.[1]);
        expect(ratio).toBeCloseTo(0.5, 2);
      }, { timeout: 30_000, interval: 500 });
    }
    const [letter] = json<{ deadLetters: { id: string }[] }>(await http(`${fresh.platform().base}/events/dead-letters?status=open`, { token: fresh.platform().payerToken })).deadLetters;
    await http(`${fresh.platform().base}/events/dead-letters/${letter!.id}/discard`, { method: 'POST', token: fresh.platform().payerToken, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ reason: 'a test' }) });
    await vi.waitFor(async () => expect(counts((await slo()).report)['claims-visible']).toEqual([3, 2, 0, 0]), { timeout: 30_000, interval: 250 });
  });

  test('stays the same through a restart and a rebuild of the view', async () => {
    const before = counts((await slo()).report);
    await fresh.restart('stop');
    expect(counts((await slo()).report)).toEqual(before);
    expect((await pa('views', 'rebuild', 'audit_service-levels_v1')).code).toBe(0);
    expect(counts((await slo()).report)).toEqual(before);
  });

  test('counts each claim once although the process is killed in the middle, twice', async () => {
    const before = counts((await slo()).report)['claims-visible']!;
    const events = Array.from({ length: 1000 }, (_, i) => claim(`k-${i}`, i % 4 === 0 ? 30 : 1));
    for (const after of [150, 300]) {
      const publishing = publishAll(fresh.platform(), events).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, after));
      await fresh.restart('kill');
      await publishing;
    }
    await publishAll(fresh.platform(), events);
    const [met, missed] = before as [number, number];
    await vi.waitFor(async () => expect(counts((await slo()).report)['claims-visible']).toEqual([met + 750, missed + 250, 0, 0]), { timeout: 60_000, interval: 500 });
  }, 180_000);

  test('asks for what it needs, and says what it does not understand', async () => {
    expect(await pa('slo', '--from', 'yesterday')).toMatchObject({ code: 2, stderr: expect.stringContaining('--from is a day such as') as string });
    expect(await pa('slo', '--from', '2026-02-01', '--to', '2026-01-01')).toMatchObject({ code: 1, stderr: expect.stringContaining('from must not lie after to') as string });
    expect(await pa.with({ env: { PA_ADMINISTRATOR_TOKEN: 'x'.repeat(40) } }, 'slo')).toMatchObject({ code: 4 });
    const { base, payerToken } = fresh.platform();
    expect((await http(`${base}/ops/slo`)).status).toBe(401);
    expect((await http(`${base}/ops/slo`, { token: payerToken })).status).toBe(401);
  });
});
