import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awaitReceipt } from '@provider-access/cli';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { freshPlatform, publishAll, registerApp, type TestApp } from './harness.ts';
import { http, json, optOut, payerEvent, type EventRow } from './road.ts';

/** A limit on the size of files has the same effect on SQLite as a full disk: writes fail, and reads continue. */
const NPI = '1234567893';
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let app: TestApp;
beforeAll(async () => {
  fresh = await freshPlatform();
  await publishAll(fresh.platform(), [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2000-01-01' }),
    patient('full-1', 100),
    payerEvent('payer.member-enrolled.v1', 'full-1', { coverageId: 'cov-full', from: '2020-01-01' }),
    payerEvent('payer.attribution-asserted.v1', 'full-1', { provider: { npi: NPI }, from: '2020-01-01' }),
  ]);
  app = await registerApp(fresh.platform(), { name: 'Clinic', npi: NPI });
});
afterAll(() => fresh?.dispose());

function patient(id: string, bytes: number): DomainEvent {
  return payerEvent('payer.resource-recorded.v1', id, {
    resource: { resourceType: 'Patient', id, gender: 'female', name: [{ family: 'x'.repeat(bytes) }] },
  });
}
interface Ready {
  readonly ready: boolean;
  readonly failing: readonly { readonly check: string; readonly detail?: string }[];
}
const ready = async (): Promise<Ready> => json<Ready>(await http(`${fresh.platform().base}/health/ready`));
const post = async (event: DomainEvent): Promise<EventRow & { readonly code: number }> => {
  const answer = await http(`${fresh.platform().base}/events`, {
    method: 'POST',
    token: fresh.platform().payerToken,
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(toStructured(event)),
  });
  return { ...json<EventRow>(answer), code: answer.status };
};
const read = async (): Promise<number> =>
  (await http(`${fresh.platform().base}/fhir/Patient/full-1`, { token: await app.tokens.get() })).status;
const limitFiles = (bytes: number | 'unlimited'): void =>
  void execFileSync('prlimit', ['--pid', String(fresh.platform().pid), `--fsize=${bytes}:`]);

test('is not ready on a full disk, loses nothing that was acknowledged, and is ready again with room', async () => {
  await eventually(async () => expect(await read()).toBe(200));
  expect((await ready()).ready).toBe(true);
  const posting = Promise.all(Array.from({ length: 20 }, (_, i) => post(patient(`full-room-${i}`, 20_000))));
  limitFiles(0);
  const acknowledged = (await posting).filter(({ code }) => code < 300).map(({ receipt }) => receipt);
  await eventually(async () =>
    expect((await ready()).failing).toContainEqual({
      service: 'standalone',
      check: 'log',
      detail: expect.stringContaining('nothing can be appended') as string,
    }),
  );
  expect((await post(optOut('full-1'))).code).toBe(503);
  // The facts may be too old by now, or the line of the audit cannot be written: both are a 503 without the resource.
  const reads = await Promise.all(
    Array.from({ length: 20 }, async () =>
      http(`${fresh.platform().base}/fhir/Patient/full-1`, { token: await app.tokens.get() }, 1),
    ),
  );
  expect(reads.map(({ status }) => status)).toEqual(reads.map(() => 503));
  expect(reads.map(({ body }) => body.toString()).join('')).not.toContain('female');
  limitFiles('unlimited');
  await eventually(async () => expect(await ready()).toMatchObject({ ready: true, failing: [] }));
  for (const receipt of acknowledged)
    expect((await awaitReceipt(fresh.server(), fresh.platform().payerToken, receipt, 1)).counts).toEqual({
      recorded: 1,
    });
  expect(await post(optOut('full-1'))).toMatchObject({ status: 'effective' });
  expect(await read()).toBe(404);
  const views = json<{ resources: readonly { view: string; failure?: string }[] }>(
    await http(`${fresh.platform().base}/ops/views`, { token: fresh.platform().administratorToken }),
  );
  expect(JSON.stringify(views)).not.toContain('failure');
});
