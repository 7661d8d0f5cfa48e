import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Captured, pa } from '../../test/captured.ts';
import { newKey } from '../client/credentials.ts';

let server: Server;
let base: string;
let folder: string;
let answers: Record<string, unknown>;

const check = (name: string, ready: boolean, detail?: string): object => ({ name, ready, detail });
const alert = (name: string, state: string, found: readonly string[] = []): object => ({
  ...{ alert: `ProviderAccess${name}`, severity: 'page', state, for: '5m', found },
  runbook: `/docs/runbooks/ProviderAccess${name}.html`,
});
const health = (checks: readonly object[], alerts: readonly object[], ready = true): object => ({
  ...{ version: '9.8.7', ready, checks, alerts },
});
const well = health([check('log', true)], [alert('DiskNearlyFull', 'quiet'), alert('Errors', 'ask-prometheus')]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-health-'));
  writeFileSync(join(folder, 'key.json'), JSON.stringify(await newKey('ES384')));
  server = createServer((request, response) => {
    response
      .writeHead(request.url! in answers ? 200 : 502, { 'content-type': 'application/json' })
      .end(JSON.stringify(answers[request.url!]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  vi.stubEnv('PA_ADMINISTRATOR_TOKEN', 't');
  answers = Object.fromEntries(
    ['auth', 'attribution', 'consent', 'resources', 'export'].map((service) => [`/ops/health/${service}`, well]),
  );
});
afterEach(() => vi.unstubAllEnvs());
const asked = (...argv: readonly string[]): Promise<Captured> => pa('--server', base, ...argv);

test('pa health says that nothing is unhealthy, and ends with 0', async () => {
  const { stdout, code } = await asked('health');
  expect(code).toBe(0);
  expect(stdout).toContain('Nothing is unhealthy, as far as the platform itself can see.');
  expect(stdout).toMatch(/^attribution +ready +9\.8\.7/m);
});

test('pa health names what is unhealthy with its runbook, and ends with 1', async () => {
  const disk = alert('DiskNearlyFull', 'holds', ['The disk is nearly full.']);
  answers['/ops/health/consent'] = health([check('log', false, 'away')], [disk], false);
  answers['/ops/health/resources'] = health([check('log', true)], [disk]);
  delete answers['/ops/health/export'];
  const { stdout, code } = await asked('health');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^consent +not ready +9\.8\.7 +log: away/m);
  expect(stdout).toMatch(/^export +does not answer/m);
  expect(stdout.match(/The disk is nearly full\./g)).toHaveLength(1);
  expect(stdout).toContain(`${base}/docs/runbooks/ProviderAccessDiskNearlyFull.html`);
  expect(stdout).toContain(`${base}/docs/runbooks/ProviderAccessServiceAbsent.html`);
  const parsed = JSON.parse((await asked('--json', 'health')).stdout) as { services: { service: string }[] };
  expect(parsed).toMatchObject({ healthy: false, alerts: [{ alert: 'ProviderAccessDiskNearlyFull' }] });
});

test('pa health ends with 3 if no service answers', async () => {
  answers = {};
  expect((await asked('health')).code).toBe(3);
});

test('pa refusals lists what was refused to the app, with its cure', async () => {
  const row = { day: '2026-11-30', action: 'read', status: 404, code: 'not-found', type: 'Patient', count: 3 };
  answers = {
    '/fhir/.well-known/smart-configuration': { token_endpoint: `${base}/token` },
    '/token': { access_token: 'token', expires_in: 300, scope: 'system/*.rs' },
    '/refusals': {
      ...{ from: '2026-11-01', to: '2026-11-30' },
      refusals: [{ ...row, last: '2026-11-30T10:00:00.000Z', cure: 'Ask for members of your Groups.' }],
    },
  };
  const app = ['--client', 'c-1', '--key', join(folder, 'key.json')];
  const { stdout, code } = await asked('refusals', ...app);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^2026-11-30 +read Patient +404 not-found +3 +Ask for members of your Groups\.$/m);
  expect(JSON.parse((await asked('--json', 'refusals', ...app)).stdout)).toMatchObject([{ count: 3 }]);
  answers['/refusals'] = { from: '2026-11-01', to: '2026-11-30', refusals: [] };
  expect((await asked('refusals', ...app)).stdout).toContain(
    'Nothing was refused from 2026-11-01 to 2026-11-30 (UTC).',
  );
});

test('pa funnel adds the answers of the server up, and names the members of a step', async () => {
  const funnel = (listed: number, attributed: number, more: object): object => ({
    ...{ group: 'g-1', providers: ['npi|1234567893'], at: '2026-12-01T00:00:00.000Z' },
    apps: [{ client: 'c-1', name: 'EHR', status: 'approved' }],
    steps: [
      { step: 'listed', members: listed, lost: {} },
      { step: 'attributed', members: attributed, lost: { 'not-attributed': listed - attributed } },
    ],
    ...more,
  });
  answers = {
    '/ops/lists/g-1/funnel?': funnel(2000, 1990, { next: '/ops/lists/g-1/funnel?page=x' }),
    '/ops/lists/g-1/funnel': funnel(2000, 1990, { next: '/ops/lists/g-1/funnel?page=x' }),
    '/ops/lists/g-1/funnel?page=x': funnel(5, 4, { exportsFrom: '2026-11-01T00:00:00.000Z' }),
    '/ops/lists/g-1/funnel?client=c-1&step=attributed': funnel(5, 4, {
      members: [{ member: 'm-1', reason: 'not-attributed' }],
    }),
  };
  const { stdout, code } = await asked('funnel', '--group', 'g-1');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^listed +2005/m);
  expect(stdout).toMatch(/^attributed +1994 +11 not-attributed$/m);
  expect(stdout).toContain('EHR (c-1, approved)');
  expect(stdout).toContain('Downloads are known from 2026-11-01T00:00:00.000Z on.');
  const named = await asked('funnel', '--group', 'g-1', '--client', 'c-1', '--step', 'attributed');
  expect(named.stdout).toMatch(/^m-1 +not-attributed$/m);
  expect((await asked('funnel', '--group', 'g-1', '--step', 'nothing')).code).toBe(2);
});
