import { afterEach, beforeEach, expect, it } from 'vitest';
import { dataOf, PA_RECORDS, PAYER_MEMBER_EVENTS, type RecordDeleted } from '@provider-access/events';
import { recordsOf } from '@provider-access/process/testing';
import { type AuthorizationPart, authorizations } from '@provider-access/records';
import { Metrics } from '@provider-access/service/observability';
import { House } from '../../test/harness.ts';
import { RETIREMENT } from '../domain/retirement.ts';
import { retireAuthorizations } from './retire-authorizations.ts';

const DAY = 86_400_000;
let house: House;
let token: string;
const metrics = new Metrics();
beforeEach(async () => {
  house = await House.open();
  await house.approve('app1');
  await house.attribute('m1');
  token = await house.token('app1');
});
afterEach(() => house.close());

const eob = (id: string, use: string, outcome = 'complete') => ({
  resourceType: 'ExplanationOfBenefit',
  ...{ id, use, outcome, status: 'active', created: '2024-01-01' },
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
  patient: { reference: 'Patient/m1' },
  insurer: { reference: 'Organization/o' },
  provider: { reference: 'Organization/p' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
});
/** Runs the job as if it were so many days later. */
const retireIn = (days: number): Promise<number> => {
  const { log, views } = house;
  const clock = { now: () => Date.now() + days * DAY };
  return retireAuthorizations({ log, views, clock, metrics, retentionMs: 400 * DAY });
};
const settled = async (): Promise<void> => {
  await house.settled();
  const inbound = await house.log.head([PAYER_MEMBER_EVENTS]);
  if (!(await house.views.reader(authorizations).waitFor(inbound, 10_000, ['resources'])))
    throw new Error('the view did not settle');
};
const statusOf = async (id: string): Promise<number> =>
  (await house.call('GET', `/fhir/ExplanationOfBenefit/${id}`, { token })).status;
const publish = async (time: string, ...resources: object[]): Promise<unknown> => {
  const { receipt } = await house.publish(resources.map((resource) => ({ subject: 'm1', resource, time })));
  await settled();
  return receipt.counts;
};

it('removes prior authorizations, and no claims, once their retention is over, and reports them', async () => {
  await publish('2025-01-01T00:00:00Z', eob('pa', 'preauthorization'), eob('claim', 'claim'), {
    ...eob('outer', 'claim'),
    contained: [eob('inner', 'preauthorization')],
  });
  expect(await retireIn(399)).toBe(0);
  expect(await retireIn(401)).toBe(1);
  await settled();
  expect([await statusOf('pa'), await statusOf('claim'), await statusOf('outer')]).toEqual([410, 200, 200]);
  // No earlier version outlives it.
  expect([await statusOf('pa/_history/1'), await statusOf('pa/_history')]).toEqual([404, 200]);
  const removed = (await recordsOf(house.log, PA_RECORDS)).map((record) => dataOf<RecordDeleted>(record));
  expect(removed.filter(({ source }) => source === RETIREMENT)).toEqual([
    expect.objectContaining({ id: 'pa', reason: 'deleted', versionId: 2 }),
  ]);
  expect(await metrics.text()).toMatch(/^pa_prior_authorizations_retired_total 1$/m);
  expect(await retireIn(401)).toBe(0);
});

it('removes a prior authorization once, however many instances run', async () => {
  await publish('2025-01-01T00:00:00Z', eob('pa', 'preauthorization'));
  expect(await Promise.all([retireIn(401), retireIn(401)])).toEqual([1, 1]);
  await settled();
  const removed = (await recordsOf(house.log, PA_RECORDS)).filter(
    (record) => (dataOf(record) as Partial<RecordDeleted>).source === RETIREMENT,
  );
  expect(removed).toHaveLength(1);
});

it('lets a later change of the payer win, whenever it comes, and an old event that comes again lose', async () => {
  await publish('2025-01-01T00:00:00Z', eob('pa', 'preauthorization'));
  await retireIn(401);
  await settled();
  expect(await publish('2025-01-01T00:00:00Z', eob('pa', 'preauthorization'))).toEqual({ superseded: 1 });
  expect(await statusOf('pa')).toBe(410);
  expect(await publish('2025-01-02T00:00:00Z', eob('pa', 'preauthorization', 'partial'))).toEqual({ recorded: 1 });
  expect(await statusOf('pa')).toBe(200);
  expect(await retireIn(399)).toBe(0);
  expect(await retireIn(401)).toBe(1);
});

const changedOf = async (id: string): Promise<number> =>
  (
    (await house.views.reader(authorizations).get(`m1/ExplanationOfBenefit/${id}`))![
      'authorization'
    ] as AuthorizationPart
  ).changed;

it('counts from the last change of the status, and not of anything else (R21)', async () => {
  const pa = (more: object) => ({ ...eob('pa', 'preauthorization'), ...more });
  const note = (text: string) => ({
    processNote: [{ text }],
    careTeam: [{ sequence: 1, provider: { display: text } }],
  });
  const review = (code: string) => ({
    adjudication: [
      {
        category: { coding: [{ system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/x', code: 'denialreason' }] },
        reason: { coding: [{ system: 'https://x12.org/codes/claim-adjustment-reason-codes', code }] },
      },
    ],
  });
  expect(await publish('2025-01-01T00:00:00Z', pa({ ...review('50'), ...note('a') }))).toEqual({ recorded: 1 });
  const first = await changedOf('pa');
  // A nightly dump with other notes is a new version, and no change of the status.
  expect(await publish('2025-01-02T00:00:00Z', pa({ ...review('50'), ...note('b') }))).toEqual({ recorded: 1 });
  expect(await changedOf('pa')).toBe(first);
  expect(await publish('2025-01-03T00:00:00Z', pa({ ...review('96'), ...note('b') }))).toEqual({ recorded: 1 });
  expect(await changedOf('pa')).toBeGreaterThan(first);
});

it('keeps a prior authorization while it authorizes something', async () => {
  const end = new Date(Date.now() + 500 * DAY).toISOString().slice(0, 10);
  await publish('2025-01-01T00:00:00Z', {
    ...eob('pa', 'preauthorization'),
    preAuthRef: ['1'],
    preAuthRefPeriod: [{ end }],
  });
  expect(await retireIn(899)).toBe(0);
  expect(await retireIn(903)).toBe(1);
});

it('is not undone by a nightly dump with the time of the dump, and is by a change of the status', async () => {
  await publish('2025-01-01T00:00:00Z', eob('pa', 'preauthorization'));
  await retireIn(401);
  await settled();
  const repeated = { ...eob('pa', 'preauthorization'), processNote: [{ text: 'from the dump' }] };
  expect(await publish('2026-02-01T00:00:00Z', repeated)).toEqual({ unchanged: 1 });
  expect(await publish('2026-02-02T00:00:00Z', repeated)).toEqual({ unchanged: 1 });
  expect(await statusOf('pa')).toBe(410);
  expect(await publish('2026-02-03T00:00:00Z', eob('pa', 'preauthorization', 'partial'))).toEqual({ recorded: 1 });
  expect(await statusOf('pa')).toBe(200);
});
