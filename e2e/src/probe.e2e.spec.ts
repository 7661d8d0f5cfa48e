import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROBE_STEPS } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { freshPlatform, SEPARATE } from './harness.ts';
import { paOf, type Pa, type Ran } from './pa.ts';
import { http, optIn, optOut, tell } from './road.ts';

interface Report {
  readonly at: string;
  readonly ok: boolean;
  readonly failed?: string;
  readonly steps: readonly {
    readonly step: string;
    readonly ok: boolean;
    readonly ms: number;
    readonly detail: string;
  }[];
}
const reportOf = ({ stdout, stderr }: Ran): Report => {
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Report;
};
const WALKED = PROBE_STEPS.filter((step) => step !== 'prepare' && step !== 'remove');
const ALWAYS = WALKED.filter((step) => step !== 'publish' && step !== 'opt-out');
const MEMBER = 'pa-probe';

describe('the probe', { timeout: 120_000 }, () => {
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let pa: Pa;
  let client = '';
  const app = (): string => join(fresh.folder, 'probe', 'app.json');
  const probe = (...args: string[]): Promise<Ran> => pa('probe', '--app', app(), '--json', '--timeout', '20', ...args);
  /** A later run of the probe sees a change that was just made. */
  const walksAgain = (): Promise<void> => eventually(async () => expect((await probe()).code).toBe(0));
  const metrics = async (): Promise<string> => (await http(`${fresh.platform().base}/metrics`)).body.toString('utf8');

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { EXPORT_KICK_OFFS_PER_HOUR: '1000' } });
    pa = paOf(fresh.platform(), fresh.folder);
    const setup = await pa('probe', 'setup', '--out', join(fresh.folder, 'probe'), '--json');
    expect(setup).toMatchObject({ code: 0 });
    client = (JSON.parse(setup.stdout) as { client_id: string }).client_id;
    await walksAgain();
  }, 120_000);
  afterAll(() => fresh?.dispose());

  test('is set up once, with secrets in files that nobody else can read', async () => {
    for (const file of ['app.json', 'key.json'])
      expect(statSync(join(fresh.folder, 'probe', file)).mode & 0o777).toBe(0o600);
    const key = JSON.parse(readFileSync(join(fresh.folder, 'probe', 'key.json'), 'utf8')) as { d: string };
    const ran = await pa('probe', '--app', app(), '--publish', '--opt-out', '--report');
    expect(ran.code).toBe(0);
    for (const secret of [key.d, fresh.platform().payerToken, fresh.platform().administratorToken])
      expect(ran.stdout + ran.stderr).not.toContain(secret);
  });

  test('R6: walks the whole road and says how each step went', async () => {
    const ran = await probe('--publish', '--opt-out', '--report');
    expect(ran.code).toBe(0);
    const report = reportOf(ran);
    expect(report).toMatchObject({ ok: true });
    expect(report.steps.map((s) => s.step)).toEqual(WALKED);
    expect(report.steps.every((s) => s.ok && s.ms >= 0)).toBe(true);
    expect(reportOf(await probe()).steps.map((s) => s.step)).toEqual(ALWAYS);
    if (SEPARATE) return;
    expect(await metrics()).toMatch(/pa_probe_runs_total\{result="passed",step="none"\} 2/);
    await eventually(async () => {
      const text = await metrics();
      expect(text).toMatch(/pa_probe_step_duration_seconds\{step="opt-out"\} /);
      // The time of this run, and not of an earlier one.
      const seconds = Number(/^pa_probe_last_success_timestamp_seconds (\S+)/m.exec(text)?.[1]);
      expect(Math.round(seconds * 1000)).toBe(Date.parse(report.at));
    });
  });

  test('leaves nothing behind when it walks with a member of its own', async () => {
    const ran = await pa('probe', '--temporary', '--publish', '--opt-out', '--json');
    const report = reportOf(ran);
    expect({ code: ran.code, failed: report.failed }).toEqual({ code: 0 });
    expect(report.steps.map((s) => s.step)).toEqual(PROBE_STEPS);
    const member = /pa-probe-[0-9a-f]{12}/.exec(report.steps[0]!.detail)![0];
    const temporary = /c-[0-9a-f]{32}/.exec(report.steps[0]!.detail)![0];
    const apps = JSON.parse((await pa('apps', 'list', '--json')).stdout) as { client_id: string; status: string }[];
    expect(apps.find((a) => a.client_id === temporary)?.status).toBe('revoked');
    const explained = JSON.parse((await pa('explain', '--client', client, '--member', member, '--json')).stdout) as {
      decision: string;
    };
    expect(explained.decision).toBe('deny');
    // The other member of the same provider is unchanged.
    expect((await probe()).code).toBe(0);
  });

  // tools/cli/src/commands/probe.int.spec.ts has the messages of each broken step.
  describe('names the step that is broken', () => {
    test('group or member: it opted out', async () => {
      await tell(fresh.platform(), optOut(MEMBER));
      const ran = await probe('--report');
      expect(ran.code).toBe(1);
      expect(['group', 'member']).toContain(reportOf(ran).failed);
      expect(reportOf(ran).steps.at(-1)!.detail).toContain('opted out');
      if (!SEPARATE) expect(await metrics()).toMatch(/pa_probe_runs_total\{result="failed",step="(group|member)"\} 1/);
      await tell(fresh.platform(), optIn(MEMBER));
      await walksAgain();
    });

    test('discovery: reports a platform that does not answer', async () => {
      await fresh.platform().stop();
      const ran = await probe('--report');
      expect(ran.code).toBe(1);
      expect(reportOf(ran)).toMatchObject({ ok: false, failed: 'discovery' });
      expect(ran.stderr).toContain('the platform could not be told');
      await fresh.restart('kill');
      await walksAgain();
      // Every process knows the last run, whichever is asked next.
      if (!SEPARATE) expect(await metrics()).toMatch(/pa_probe_last_success_timestamp_seconds \d/);
    });
  });

  test('refuses a wrong call before it walks', async () => {
    const file = join(fresh.folder, 'broken.json');
    writeFileSync(file, '{"client_id":"c"}');
    expect(await pa('probe', '--app', file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('names no key') as string,
    });
    expect(await pa('probe')).toMatchObject({ code: 2, stderr: expect.stringContaining('pa probe setup') as string });
    expect(await pa('probe', '--app', app(), '--timeout', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--timeout is a number of seconds') as string,
    });
    expect(await pa('probe', '--app', app(), '--npi', '12')).toMatchObject({ code: 2 });
    rmSync(file);
    expect(existsSync(file)).toBe(false);
    const post = (body: string, token = fresh.platform().administratorToken): Promise<number> =>
      http(`${fresh.platform().base}/ops/probe`, {
        method: 'POST',
        token,
        headers: { 'content-type': 'application/json' },
        body,
      }).then((a) => a.status);
    expect(await post('{')).toBe(400);
    expect(
      await post(
        JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, steps: [{ step: 'somewhere', ok: true, ms: 1 }] }),
      ),
    ).toBe(400);
    expect(await post(JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, failed: 'token', steps: [] }))).toBe(400);
    expect(
      await post(JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, steps: [] }), fresh.platform().payerToken),
    ).toBe(401);
  });
});
