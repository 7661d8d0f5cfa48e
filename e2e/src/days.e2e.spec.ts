import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { freshPlatform, publishAll, registerApp, startPlatform, type TestApp } from './harness.ts';
import { http, json, optOut, payerEvent, takesEffect, tell } from './road.ts';

/**
 * A payer of Guam (UTC+10) and Honolulu (UTC-10). The test cannot move a clock here, so it takes days from the
 * calendars of the two places. For twenty hours of each day in Honolulu, Guam is a day later.
 */
const NPI = '1234567893';
const DAY = 86_400_000;
const dayIn = (timeZone: string, days = 0): string =>
  new Date(
    Date.parse(
      new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
        new Date(),
      ),
    ) +
      days * DAY,
  )
    .toISOString()
    .slice(0, 10);

let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let app: TestApp;
const platform = (): PlatformProcess => fresh.platform();
beforeAll(async () => {
  fresh = await freshPlatform({ env: { BUSINESS_TIME_ZONE: 'Pacific/Honolulu, Pacific/Guam' } });
  await publishAll(platform(), [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
  ]);
  app = await registerApp(platform(), { name: 'Clinic', npi: NPI });
});
afterAll(() => fresh?.dispose());

const enrolled = (member: string, dates: object): DomainEvent =>
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, ...dates });
const attributed = (member: string, dates: object = { from: '2020-01-01' }): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, ...dates });
const patient = (member: string): DomainEvent =>
  payerEvent('payer.resource-recorded.v1', member, { resource: { resourceType: 'Patient', id: member } });
const read = async (member: string): Promise<number> =>
  (await http(`${platform().base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status;
async function joined(member: string): Promise<void> {
  await publishAll(platform(), [enrolled(member, { from: '2020-01-01' }), attributed(member), patient(member)]);
  await eventually(async () => expect(await read(member)).toBe(200));
}

test('an opt-out from today in Guam is effective, though it is yesterday in Honolulu', async () => {
  await joined('m-today');
  await takesEffect(platform(), optOut('m-today', { effectiveFrom: dayIn('Pacific/Guam') }));
  expect(await read('m-today')).toBe(404);
});

test(
  'an opt-out from a later day is scheduled for its first moment in Guam, an opt-in for its first moment in ' +
    'Honolulu',
  async () => {
    await joined('m-later');
    const { status, from } = (await tell(platform(), optOut('m-later', { effectiveFrom: '2999-07-01' }))) as {
      status: string;
      from?: string;
    };
    expect({ status, from }).toEqual({ status: 'scheduled', from: '2999-06-30T14:00:00.000Z' });
    expect(await read('m-later')).toBe(200);
    await takesEffect(platform(), optOut('m-later'));
    expect(
      await tell(platform(), payerEvent('payer.member-opted-in.v1', 'm-later', { effectiveFrom: '2999-07-01' })),
    ).toMatchObject({ status: 'scheduled', from: '2999-07-01T10:00:00.000Z' });
    expect(await read('m-later')).toBe(404);
  },
);

test('a coverage that began today in Honolulu counts, one that will begin tomorrow in Guam does not', async () => {
  await publishAll(platform(), [
    enrolled('m-begun', { from: dayIn('Pacific/Honolulu') }),
    attributed('m-begun', { from: dayIn('Pacific/Honolulu') }),
    patient('m-begun'),
    enrolled('m-tomorrow', { from: dayIn('Pacific/Guam', 1) }),
    attributed('m-tomorrow'),
    patient('m-tomorrow'),
  ]);
  await eventually(async () => expect(await read('m-begun')).toBe(200));
  expect(await read('m-tomorrow')).toBe(404);
});

test('a coverage until yesterday in Guam is over, though yesterday may not be over in Honolulu', async () => {
  await joined('m-left');
  await publishAll(platform(), [payerEvent('payer.member-terminated.v1', 'm-left', { to: dayIn('Pacific/Guam', -1) })]);
  await eventually(async () => expect(await read('m-left')).toBe(404));
});

test('explain shows the instants', async () => {
  await publishAll(platform(), [
    enrolled('m-why', { from: '2020-01-01', to: '2999-12-31' }),
    attributed('m-why', { from: '2020-02-29', to: '9999-12-31' }),
    patient('m-why'),
  ]);
  await eventually(async () => expect(await read('m-why')).toBe(200));
  const { memberFacts } = json<{ memberFacts: object }>(
    await http(`${platform().base}/ops/explain?client=${app.clientId}&member=m-why`, {
      token: platform().administratorToken,
    }),
  );
  expect(memberFacts).toMatchObject({
    coverage: [{ from: '2020-01-01T10:00:00.000Z', to: '2999-12-31T14:00:00.000Z' }],
    attributions: [{ from: '2020-02-29T10:00:00.000Z' }],
  });
  expect(JSON.stringify((memberFacts as { attributions: object }).attributions)).not.toContain('"to"');
});

test('another setting reads what comes from then on, and changes nothing that is stored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-days-'));
  const start = (BUSINESS_TIME_ZONE: string): Promise<PlatformProcess> =>
    startPlatform({ dataDir: join(folder, 'data'), env: { BUSINESS_TIME_ZONE } });
  const coverageOf = async (at: PlatformProcess, member: string): Promise<object | undefined> => {
    const url = `${at.base}/ops/explain?client=none&member=${member}`;
    type Explained = { memberFacts: { coverage: object[] } | null };
    return json<Explained>(await http(url, { token: at.administratorToken })).memberFacts?.coverage[0];
  };
  const said = optOut('m-said', { effectiveFrom: '2999-07-01' });
  let running = await start('Pacific/Honolulu');
  try {
    await publishAll(running, [enrolled('m-said', { from: '2020-01-01', to: '2999-12-31' })]);
    const honolulu = { status: 'scheduled', from: '2999-07-01T10:00:00.000Z' };
    await eventually(async () => expect(await tell(running, said)).toMatchObject(honolulu));
    await running.stop();

    running = await start('Pacific/Guam');
    await eventually(async () => expect(await tell(running, said)).toMatchObject(honolulu));
    const stored = { from: '2020-01-01T10:00:00.000Z', to: '3000-01-01T10:00:00.000Z' };
    expect(await coverageOf(running, 'm-said')).toMatchObject(stored);
    // The same content in a new event is decided anew.
    const guam = { status: 'scheduled', from: '2999-06-30T14:00:00.000Z' };
    const again = { ...said, id: `${said.id}-again`, time: new Date().toISOString() };
    await eventually(async () => expect(await tell(running, again)).toMatchObject(guam));
  } finally {
    await running.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});
