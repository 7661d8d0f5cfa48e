import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { creation, probeResources, type ProbeWorld } from '@provider-access/cli';
import type { ServiceLevelReport } from '@provider-access/domain/pdex/service-levels';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { freshPlatform, publishAll, registerApp, SEPARATE, type Fresh, type TestApp } from './harness.ts';
import { postStream } from './interrupted.ts';
import { paOf, type Pa } from './pa.ts';
import {
  findGroup,
  http,
  json,
  kickOff,
  optIn,
  optOut,
  payerEvent,
  sealed,
  takesEffect,
  type GroupResource,
} from './road.ts';
import { EVERY_DAY, LIMITS } from './world/context.ts';

const HOUR = 3_600_000;
/** New in each run, because a platform may be shared. */
const world: ProbeWorld = { member: `m-levels-${randomBytes(4).toString('hex')}`, npi: npiOf(randomInt(1e8)) };

const claimOf = (id: string, use = 'claim'): Record<string, unknown> => ({
  ...probeResources(world).find((r) => r['use'] === use)!,
  id: `${world.member}-${id}`,
});
/** The payer states that it adjudicated so long ago. */
function claim(id: string, hoursAgo: number, use = 'claim'): DomainEvent {
  const event = payerEvent(
    use === 'claim' ? 'payer.resource-recorded.v1' : 'payer.prior-authorization-changed.v1',
    world.member,
    { resource: claimOf(id, use) },
  );
  return { ...event, time: new Date(Date.now() - hoursAgo * HOUR).toISOString() };
}
/** Only the counts, by objective: [met, missed, overdue, open]. */
type Counts = Readonly<Record<string, readonly number[]>>;
const counts = (report: ServiceLevelReport): Counts =>
  Object.fromEntries(report.objectives.map((o) => [o.objective, [o.met, o.missed, o.overdue, o.open.count]]));
/** Two claims whose deadline has passed, by one hour and by a day and an hour. */
const [missed, missedByMore] = [claim('c-3', 25), claim('c-4', 49)];
const dayOf = (event: DomainEvent): string => event.time.slice(0, 10);

describe('service levels of a platform', () => {
  let fresh: Fresh;
  let pa: Pa;
  let app: TestApp;
  let group: GroupResource;
  let beforeThatDay: Counts;
  const from = new Date(Date.now() - 30 * 24 * HOUR).toISOString().slice(0, 10);
  const slo = async (...args: string[]): Promise<{ report: ServiceLevelReport; code: number | null }> => {
    const { stdout, stderr, code } = await pa('slo', '--json', ...(args.length > 0 ? args : ['--from', from]));
    if (stdout === '') throw new Error(stderr);
    return { report: JSON.parse(stdout) as ServiceLevelReport, code };
  };
  /** The report that `pa slo` shows. What waits for counts asks for it without a process for each time. */
  const current = async (): Promise<ServiceLevelReport> => {
    const { base, administratorToken } = fresh.platform();
    const answer = await http(`${base}/ops/slo?from=${from}`, { token: administratorToken });
    expect(answer.status).toBe(200);
    return json<ServiceLevelReport>(answer);
  };
  const zero = {
    answered: [0, 0, 0, 0],
    'claims-visible': [0, 0, 0, 0],
    'prior-authorization-visible': [0, 0, 0, 0],
    'opt-out-effective': [0, 0, 0, 0],
  };
  const since = (report: ServiceLevelReport, earlier: Counts = zero): Counts =>
    Object.fromEntries(
      Object.entries(counts(report)).map(([objective, all]) => [
        objective,
        all.map((n, i) => n - earlier[objective]![i]!),
      ]),
    );
  /** The platform measures its counts in the background. */
  const INTERVAL = { interval: 250 };
  const becomes = (expected: Counts): Promise<void> =>
    eventually(async () => expect(since(await current())).toEqual(expected), INTERVAL);

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...EVERY_DAY, ...LIMITS } });
    pa = paOf(fresh.platform(), fresh.folder);
    beforeThatDay = counts((await slo('--from', dayOf(missedByMore), '--to', dayOf(missedByMore))).report);
    await publishAll(fresh.platform(), creation(world, new Date().toISOString()));
    app = await registerApp(fresh.platform(), { name: 'Levels', npi: world.npi });
    group = await eventually(async () => findGroup(fresh.platform(), await app.tokens.get(), world.npi));
  });
  afterAll(() => fresh?.dispose());

  test('counts published events, requests and statements exactly, and reports them', async () => {
    await becomes({
      answered: [0, 0, 0, 0],
      'claims-visible': [1, 0, 0, 0],
      'prior-authorization-visible': [1, 0, 0, 0],
      'opt-out-effective': [0, 0, 0, 0],
    });
    expect((await slo()).code).toBe(0);
    // Two fresh claims and a repeated one; two that the payer adjudicated two days ago; a prior authorization of each
    // kind.
    const repeated = claim('c-1', 1);
    await publishAll(fresh.platform(), [
      repeated,
      repeated,
      claim('c-2', 23),
      missed,
      missedByMore,
      claim('pa-1', 2, 'preauthorization'),
      claim('pa-2', 72, 'preauthorization'),
    ]);
    const token = await app.tokens.get();
    await sealed(await kickOff(fresh.platform(), token, group.id), token);
    await sealed(await kickOff(fresh.platform(), token, group.id), token);
    // Deleted in time: nobody waited for an answer.
    const cancelled = await kickOff(fresh.platform(), token, group.id);
    expect((await http(cancelled, { method: 'DELETE', token })).status).toBe(202);
    await takesEffect(fresh.platform(), optOut(world.member));
    await takesEffect(fresh.platform(), optIn(world.member));
    await eventually(async () => {
      const { answered, 'opt-out-effective': optOuts, ...others } = since(await current());
      expect(others).toEqual({ 'claims-visible': [3, 2, 0, 0], 'prior-authorization-visible': [2, 1, 0, 0] });
      // One opt-out, within its second unless the machine is busy.
      expect([
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ]).toContainEqual(optOuts);
      // It may have been complete before it was deleted.
      expect([
        [2, 0, 0, 0],
        [3, 0, 0, 0],
      ]).toContainEqual(answered);
    }, INTERVAL);
    const { report, code } = await slo();
    expect(code).toBe(1);
    expect(report.measuredWith).toEqual([
      { timeZone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], holidays: [] },
    ]);
    const visible = report.objectives.find((o) => o.objective === 'claims-visible')!;
    expect(visible.share).toBe(0.6);
    expect(visible.worstMs).toBeGreaterThanOrEqual(49 * HOUR);
    expect(visible.worstMs).toBeLessThan(50 * HOUR);
    expect(report.objectives[0]!.exports).toEqual([]);
    const text = await pa('slo', '--from', report.from);
    expect(text.code).toBe(1);
    const { met, missed: late } = visible;
    // A share is rounded down, so that it never looks better than it is.
    const share = (Math.floor((100_000 * met) / (met + late)) / 1000).toFixed(3);
    expect(text.stdout).toMatch(
      new RegExp(`claims-visible +1 business day +${met + late} +${met} +${late} +0 +${share} %`),
    );
    expect(text.stdout).toContain('business days: mon tue wed thu fri sat sun in UTC, no holidays');
    // No member, no resource, anywhere in it.
    expect(JSON.stringify(report)).not.toContain(world.member);
  });

  test('counts a claim for the day of its adjudication', async () => {
    const day = dayOf(missedByMore);
    const { report } = await slo('--from', day, '--to', day);
    expect(since(report, beforeThatDay)['claims-visible']).toEqual([0, dayOf(missed) === day ? 2 : 1, 0, 0]);
  });

  test('is exported as metrics, and a dead letter uses up its time', async () => {
    const text = async (): Promise<string> => (await http(`${fresh.platform().base}/metrics`)).body.toString('utf8');
    if (!SEPARATE) {
      const metrics = await text();
      expect(metrics).toMatch(/pa_slo_total\{objective="claims-visible",result="met"\} 3/);
      expect(metrics).toMatch(/pa_slo_total\{objective="claims-visible",result="missed"\} 2/);
      expect(metrics).toMatch(/pa_slo_total\{objective="opt-out-effective",result="(met|missed)"\} 1/);
      expect(metrics).toMatch(/pa_slo_pending\{objective="answered"\} 0/);
    }
    // A claim of yesterday noon that no intake can accept. A person has time until its deadline.
    const parked = {
      ...claim('c-parked', 12),
      data: { resource: { ...claimOf('c-parked'), patient: { reference: 'Patient/somebody-else' } } },
    };
    await publishAll(fresh.platform(), [parked]);
    await eventually(async () => {
      const { open } = (await current()).objectives.find((o) => o.objective === 'claims-visible')!;
      expect(open.count).toBe(1);
      expect(open.usedShare).toBeCloseTo(0.5, 2);
    }, INTERVAL);
    if (!SEPARATE) {
      await eventually(async () => {
        const ratio = Number(/pa_slo_oldest_elapsed_ratio\{objective="claims-visible"\} (\S+)/.exec(await text())?.[1]);
        expect(ratio).toBeCloseTo(0.5, 2);
      }, INTERVAL);
    }
    const { deadLetters } = json<{ deadLetters: { id: string; event: string }[] }>(
      await http(`${fresh.platform().base}/events/dead-letters?status=open`, { token: fresh.platform().payerToken }),
    );
    await http(
      `${fresh.platform().base}/events/dead-letters/${deadLetters.find((d) => d.event === parked.id)!.id}/discard`,
      {
        method: 'POST',
        token: fresh.platform().payerToken,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'a test' }),
      },
    );
    await eventually(async () => expect(since(await current())['claims-visible']).toEqual([3, 2, 0, 0]), INTERVAL);
  });

  test('stays the same through a restart and a rebuild of the view', async () => {
    const before = counts((await slo()).report);
    await fresh.restart('stop');
    expect(counts((await slo()).report)).toEqual(before);
    expect((await pa('views', 'rebuild', 'audit_service-levels_v2')).code).toBe(0);
    expect(counts((await slo()).report)).toEqual(before);
  });

  test('counts each claim once although the process is killed in the middle, twice', async () => {
    const [met, missed] = counts((await slo()).report)['claims-visible'] as [number, number];
    const events = Array.from({ length: 1000 }, (_, i) => claim(`k-${i}`, i % 4 === 0 ? 30 : 1));
    for (const rows of [200, 700]) {
      let restarted: Promise<void> | undefined;
      await postStream(fresh.platform(), events, (answered) => {
        if (answered >= rows) restarted ??= fresh.restart('kill');
      });
      expect(restarted).toBeDefined();
      await restarted;
    }
    await publishAll(fresh.platform(), events);
    await eventually(
      async () => expect(counts(await current())['claims-visible']).toEqual([met + 750, missed + 250, 0, 0]),
      INTERVAL,
    );
  });

  test('asks for what it needs, and says what it does not understand', async () => {
    expect(await pa('slo', '--from', 'yesterday')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--from is a day such as') as string,
    });
    expect(await pa('slo', '--from', '2026-02-01', '--to', '2026-01-01')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('from must not lie after to') as string,
    });
    expect(await pa.with({ env: { PA_ADMINISTRATOR_TOKEN: 'x'.repeat(40) } }, 'slo')).toMatchObject({ code: 4 });
    const { base, payerToken } = fresh.platform();
    expect((await http(`${base}/ops/slo`)).status).toBe(401);
    expect((await http(`${base}/ops/slo`, { token: payerToken })).status).toBe(401);
  });
});
