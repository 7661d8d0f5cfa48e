import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openGateway, type Gateway } from './gateway.ts';
import { freshPlatform, SEPARATE } from './harness.ts';
import { paOf, type Pa, type Ran } from './pa.ts';
import { http, optIn, optOut, payerEvent, tell } from './road.ts';

interface Report { readonly ok: boolean; readonly failed?: string; readonly steps: readonly { readonly step: string; readonly ok: boolean; readonly ms: number; readonly detail: string }[] }
const reportOf = ({ stdout, stderr }: Ran): Report => {
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Report;
};
const ALWAYS = ['discovery', 'token', 'group', 'member', 'search', 'kick-off', 'status', 'download', 'foreign', 'clean-up'];
const MEMBER = 'pa-probe';

describe('the probe', { timeout: 120_000 }, () => {
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let pa: Pa;
  /** In front of the platform, under its public name: every request of the probe passes, and one can be broken. */
  let front: Gateway;
  let broken: ((request: string) => boolean) | undefined;
  let passed: string[] = [];
  let client = '';
  const app = (): string => join(fresh.folder, 'probe', 'app.json');
  const probe = (...args: string[]): Promise<Ran> => pa('probe', '--app', app(), '--json', '--timeout', '20', ...args);
  const metrics = async (): Promise<string> => (await http(`${fresh.platform().base}/metrics`)).body.toString('utf8');

  beforeAll(async () => {
    front = await openGateway({
      only: 'resources',
      broken: ({ method, url }) => {
        passed.push(`${method} ${url}`);
        return broken?.(`${method} ${url}`) === true;
      },
    });
    fresh = await freshPlatform({ env: { EXPORT_KICK_OFFS_PER_HOUR: '1000', PUBLIC_URL: front.base } });
    const here = [fresh.platform().base];
    front.route({ auth: here, attribution: here, consent: here, resources: here, export: here });
    pa = paOf({ base: front.base, dataDir: fresh.platform().dataDir }, fresh.folder);
    const setup = await pa('probe', 'setup', '--out', join(fresh.folder, 'probe'), '--json');
    expect(setup).toMatchObject({ code: 0 });
    client = (JSON.parse(setup.stdout) as { client_id: string }).client_id;
    // What was set up a moment ago is seen by the next walk.
    await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 60_000 });
  }, 120_000);
  afterAll(async () => {
    await fresh?.dispose();
    await front?.close();
  });

  test('is set up once, with secrets in files that nobody else can read', async () => {
    for (const file of ['app.json', 'key.json']) expect(statSync(join(fresh.folder, 'probe', file)).mode & 0o777).toBe(0o600);
    const key = JSON.parse(readFileSync(join(fresh.folder, 'probe', 'key.json'), 'utf8')) as { d: string };
    const ran = await pa('probe', '--app', app(), '--publish', '--opt-out', '--report');
    expect(ran.code).toBe(0);
    for (const secret of [key.d, fresh.platform().payerToken, fresh.platform().administratorToken]) expect(ran.stdout + ran.stderr).not.toContain(secret);
  });

  test('walks the whole road and says how each step went', async () => {
    const ran = await probe('--publish', '--opt-out', '--report');
    expect(ran.code).toBe(0);
    const report = reportOf(ran);
    expect(report).toMatchObject({ ok: true });
    expect(report.steps.map((s) => s.step)).toEqual(['discovery', 'token', 'group', 'member', 'search', 'publish', 'kick-off', 'status', 'download', 'foreign', 'opt-out', 'clean-up']);
    expect(report.steps.every((s) => s.ok && s.ms >= 0)).toBe(true);
    expect(reportOf(await probe()).steps.map((s) => s.step)).toEqual(ALWAYS);
    if (SEPARATE) return;
    await vi.waitFor(async () => expect(await metrics()).toMatch(/pa_probe_step_duration_seconds\{step="opt-out"\} /), { timeout: 20_000 });
    expect(await metrics()).toMatch(/pa_probe_runs_total\{result="passed",step="none"\} 2/);
    expect(Number(/^pa_probe_last_success_timestamp_seconds (\S+)/m.exec(await metrics())![1]) * 1000).toBeGreaterThan(Date.now() - 120_000);
  });

  test('leaves nothing behind when it walks with a member of its own', async () => {
    const ran = await pa('probe', '--temporary', '--publish', '--opt-out', '--json');
    const report = reportOf(ran);
    expect({ code: ran.code, failed: report.failed }).toEqual({ code: 0 });
    expect(report.steps.map((s) => s.step)).toEqual(['prepare', 'discovery', 'token', 'group', 'member', 'search', 'publish', 'kick-off', 'status', 'download', 'foreign', 'opt-out', 'clean-up', 'remove']);
    const member = /pa-probe-[0-9a-f]{12}/.exec(report.steps[0]!.detail)![0];
    const temporary = /c-[0-9a-f]{32}/.exec(report.steps[0]!.detail)![0];
    const apps = JSON.parse((await pa('apps', 'list', '--json')).stdout) as { client_id: string; status: string }[];
    expect(apps.find((a) => a.client_id === temporary)?.status).toBe('suspended');
    const explained = JSON.parse((await pa('explain', '--client', client, '--member', member, '--json')).stdout) as { decision: string };
    expect(explained.decision).toBe('deny');
    // The other member of the same provider is as it was.
    expect((await probe()).code).toBe(0);
  });

  describe('names the step that is broken', () => {
    const WALK = ['discovery', 'token', 'group', 'member', 'search', 'publish', 'kick-off', 'status', 'download', 'foreign', 'opt-out', 'clean-up'];
    /** The first request of the step that is answered 500, by method and target. */
    test.each<[step: string, request: RegExp, args?: string]>([
      ['prepare', /^POST \/events$/, '--temporary'],
      ['discovery', /^GET \/fhir\/\.well-known\/smart-configuration$/],
      ['discovery', /^GET \/fhir\/metadata$/],
      ['token', /^POST \/auth\/token$/],
      ['group', /^GET \/fhir\/Group\?/],
      ['member', /^GET \/fhir\/Patient\/pa-probe$/],
      ['search', /^GET \/fhir\/ExplanationOfBenefit\?/],
      ['publish', /^POST \/events$/, '--publish'],
      ['kick-off', /^GET \/fhir\/Group\/[^/]+\/\$export/],
      ['status', /^GET \/fhir\/bulk\/[^/]+$/],
      ['download', /^GET \/fhir\/bulk\/[^/]+\/[^/]+$/],
      ['foreign', /^GET \/fhir\/Patient\/pa-probe-stranger$/],
      ['opt-out', /^POST \/events$/, '--opt-out'],
      ['clean-up', /^DELETE \/fhir\/bulk\/[^/]+$/],
      ['remove', /^POST \/auth\/clients\/[^/]+\/suspend$/, '--temporary'],
    ])('%s: 500 for %s', async (step, request, args) => {
      passed = [];
      broken = (one) => request.test(one);
      const ran = await (args === '--temporary' ? pa('probe', '--temporary', '--json', '--timeout', '20') : probe(...(args === undefined ? [] : [args]))).finally(() => (broken = undefined));
      expect(ran.code, ran.stderr).toBe(1);
      const { ok, failed, steps } = reportOf(ran);
      expect({ ok, failed }).toEqual({ ok: false, failed: step });
      const [found] = steps.filter((s) => !s.ok);
      expect(found).toMatchObject({ step, detail: 'the server answered 500' });
      expect(ran.stderr).toMatch(new RegExp(`^FAILED {2}${step} `, 'm'));
      // What comes before it is walked, what comes after it is not; what was made is taken away all the same.
      const began = WALK.indexOf(step) > WALK.indexOf('kick-off') || step === 'remove';
      const before = WALK.slice(0, step === 'prepare' ? 0 : step === 'remove' ? WALK.length : WALK.indexOf(step) + 1);
      const optional = new Set(['publish', 'opt-out'].filter((one) => args !== `--${one}`));
      const expected = [...(args === '--temporary' ? ['prepare'] : []), ...before.filter((one) => !optional.has(one)), ...(began && !before.includes('clean-up') ? ['clean-up'] : []), ...(args === '--temporary' ? ['remove'] : [])];
      expect(steps.map((s) => s.step)).toEqual(expected);
      expect(passed.filter((one) => one.startsWith('DELETE /fhir/bulk/'))).toHaveLength(began ? 1 : 0);
      // Nothing is left that would break the next walk.
      expect(reportOf(await probe())).toMatchObject({ ok: true });
    });

    test('group or member: it opted out', async () => {
      await tell(fresh.platform(), optOut(MEMBER));
      const ran = await probe('--report');
      expect(ran.code).toBe(1);
      expect(['group', 'member']).toContain(reportOf(ran).failed);
      expect(reportOf(ran).steps.at(-1)!.detail).toContain('opted out');
      if (!SEPARATE) expect(await metrics()).toMatch(/pa_probe_runs_total\{result="failed",step="(group|member)"\} 1/);
      await tell(fresh.platform(), optIn(MEMBER));
      await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 30_000 });
    });

    test('search: a claim is not what was published', async () => {
      const claim = { resourceType: 'ExplanationOfBenefit', id: `${MEMBER}-claim` };
      await pa.with({ stdin: `${JSON.stringify({ specversion: '1.0', ...payerEvent('payer.resource-deleted.v1', MEMBER, claim) })}\n` }, 'publish', '-');
      await vi.waitFor(async () => expect(reportOf(await probe())).toMatchObject({ ok: false, failed: 'search' }), { timeout: 30_000 });
      expect(reportOf(await probe()).steps.at(-1)!.detail).toBe(`ExplanationOfBenefit/${MEMBER}-claim is not in the search`);
      await pa('probe', 'setup', '--out', join(fresh.folder, 'again'));
      await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 30_000 });
    });

    test('foreign: somebody else can be seen', async () => {
      const attributed = (type: string, data: object): ReturnType<typeof payerEvent> => payerEvent(type, `${MEMBER}-stranger`, { provider: { npi: '1234567893' }, ...data });
      await tell(fresh.platform(), attributed('payer.attribution-asserted.v1', { from: '2020-01-01' }));
      await vi.waitFor(async () => expect(['download', 'foreign']).toContain(reportOf(await probe()).failed), { timeout: 30_000 });
      await tell(fresh.platform(), attributed('payer.attribution-ended.v1', { to: new Date().toISOString() }));
      await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 30_000 });
    });

    test('publish: without the payer token; the rest of the road is not walked', async () => {
      const ran = await pa.with({ env: { PA_PAYER_TOKEN: 'x'.repeat(43) } }, 'probe', '--app', app(), '--json', '--publish');
      expect(ran.code).toBe(1);
      expect(reportOf(ran).failed).toBe('publish');
      expect(reportOf(ran).steps.map((s) => s.step)).toEqual(['discovery', 'token', 'group', 'member', 'search', 'publish']);
    });

    test('token: the client is suspended', async () => {
      expect((await pa('apps', 'suspend', client, '--reason', 'a test')).code).toBe(0);
      const ran = await probe();
      expect(ran.code).toBe(1);
      expect(reportOf(ran)).toMatchObject({ ok: false, failed: 'token' });
      expect((await pa('apps', 'approve', client)).code).toBe(0);
      await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 30_000 });
    });

    test('discovery: nobody is there; the failure is told although the platform cannot be', async () => {
      await fresh.platform().stop();
      const ran = await probe('--report');
      expect(ran.code).toBe(1);
      expect(reportOf(ran)).toMatchObject({ ok: false, failed: 'discovery' });
      expect(ran.stderr).toContain('the platform could not be told');
      await fresh.restart('kill');
      await vi.waitFor(async () => expect((await probe()).code).toBe(0), { timeout: 60_000 });
      // Who walked last is known by whoever is asked next.
      if (!SEPARATE) expect(await metrics()).toMatch(/pa_probe_last_success_timestamp_seconds \d/);
    });
  });

  test('refuses a wrong call before it walks', async () => {
    const file = join(fresh.folder, 'broken.json');
    writeFileSync(file, '{"client_id":"c"}');
    expect(await pa('probe', '--app', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('names no key') as string });
    expect(await pa('probe')).toMatchObject({ code: 2, stderr: expect.stringContaining('pa probe setup') as string });
    expect(await pa('probe', '--app', app(), '--timeout', '0')).toMatchObject({ code: 2, stderr: expect.stringContaining('--timeout is a number of seconds') as string });
    expect(await pa('probe', '--app', app(), '--npi', '12')).toMatchObject({ code: 2 });
    rmSync(file);
    expect(existsSync(file)).toBe(false);
    const post = (body: string, token = fresh.platform().administratorToken): Promise<number> => http(`${fresh.platform().base}/ops/probe`, { method: 'POST', token, headers: { 'content-type': 'application/json' }, body }).then((a) => a.status);
    expect(await post('{')).toBe(400);
    expect(await post(JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, steps: [{ step: 'somewhere', ok: true, ms: 1 }] }))).toBe(400);
    expect(await post(JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, failed: 'token', steps: [] }))).toBe(400);
    expect(await post(JSON.stringify({ at: '2026-01-01T00:00:00Z', ok: true, steps: [] }), fresh.platform().payerToken)).toBe(401);
  });
});
