import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, publishAll, registerApp, type TestApp } from './harness.ts';
import { jsonOf, type Pa, paOf } from './pa.ts';
import { http, json, optOut, payerEvent, takesEffect } from './road.ts';

/** An auditor asks who could see a member, and whom an app could see, before an opt-out and after it (APPS.md P17). */
const NPI = npiOf(20_261_130);
const MEMBERS = ['m-first', 'm-second'];
interface Apps {
  readonly apps: readonly { readonly client: string; readonly periods: readonly { from: string; to: string }[] }[];
}
interface Members {
  readonly members: number;
  readonly list: readonly { readonly member: string }[];
}

let fresh: Fresh;
let folder: string;
let app: TestApp;
let pa: Pa;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'explain-lists-'));
  fresh = await freshPlatform();
  pa = paOf(fresh.platform(), folder);
  await publishAll(fresh.platform(), [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    ...MEMBERS.flatMap((member) => [
      payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2020-01-01' }),
      payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' }),
      payerEvent('payer.resource-recorded.v1', member, { resource: { resourceType: 'Patient', id: member } }),
    ]),
  ]);
  app = await registerApp(fresh.platform(), { name: 'Clinic', npi: NPI });
  await eventually(async () => {
    for (const member of MEMBERS)
      expect(
        (await http(`${fresh.platform().base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status,
      ).toBe(200);
  });
});
afterAll(async () => {
  await fresh?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test('P17: both lists say who could see whom before an opt-out, and after it', async () => {
  const client = app.clientId;
  const before = new Date().toISOString();
  await takesEffect(fresh.platform(), optOut('m-first'));
  const after = new Date().toISOString();

  const { apps } = await jsonOf<Apps>(pa, 'explain-apps', '--member', 'm-first', '--from', before);
  expect(apps.map((one) => [one.client, one.periods.length])).toEqual([[client, 1]]);
  const [{ from, to }] = apps[0]!.periods as [{ from: string; to: string }];
  expect([from, to >= before, to <= after]).toEqual([before, true, true]);
  expect((await pa('explain-apps', '--member', 'm-first', '--from', before)).stdout).toMatch(
    /^From \S+ to \S+, 1 app could see member m-first\.\n\S+ \(Clinic\): from .*\n.*: at the end denied \(opted-out\)/,
  );

  const { stdout } = await pa('explain-timeline', '--member', 'm-first', '--from', before);
  expect(stdout).toMatch(/^Member m-first from /);
  for (const part of ['coverage cov-m-first', `attributed to npi ${NPI}`, 'opt-out (global)'])
    expect(stdout).toContain(part);

  const membersAt = async (...more: string[]): Promise<Members> =>
    jsonOf<Members>(pa, 'explain-members', '--client', client, ...more);
  expect(await membersAt('--at', before)).toMatchObject({ members: 2, list: MEMBERS.map((member) => ({ member })) });
  expect(await membersAt()).toMatchObject({ members: 1, list: [{ member: 'm-second' }] });
  expect((await pa('explain-members', '--client', client)).stdout).toMatch(
    /^m-second\nAt \S+, app \S+ could see 1 member\.$/m,
  );
}, 60_000);

test('says what is unhealthy, and at which step a Group loses the member who opted out', async () => {
  const { services } = JSON.parse((await pa('--json', 'health')).stdout) as {
    services: { service: string; health?: { ready: boolean } }[];
  };
  expect(services.map(({ service, health }) => [service, health?.ready])).toEqual(
    ['auth', 'attribution', 'consent', 'resources', 'export'].map((service) => [service, true]),
  );
  const { base, payerToken } = fresh.platform();
  const { lists } = json<{ lists: { group: string }[] }>(await http(`${base}/ops/lists`, { token: payerToken }));
  const { stdout } = await pa('funnel', '--group', lists[0]!.group);
  expect(stdout).toMatch(/^attributed +2 *$/m);
  expect(stdout).toMatch(/^not-opted-out +1 +1 opted-out$/m);
  expect((await pa('funnel', '--group', lists[0]!.group, '--step', 'not-opted-out')).stdout).toMatch(
    /^m-first +opted-out$/m,
  );
}, 60_000);
