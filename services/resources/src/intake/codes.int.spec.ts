import { afterAll, beforeAll, expect, it } from 'vitest';
import { condition, House, type Loose } from '../../test/harness.ts';

let house: House;
let token: string;
let minute = 0;
beforeAll(async () => {
  house = await House.open();
  await house.approve('app1');
  await house.attribute('m1');
  token = await house.token('app1');
});
afterAll(() => house.close());

const publish = async (resource: object): Promise<Loose> => {
  const time = new Date(Date.UTC(2025, 0, 1, 0, (minute += 1))).toISOString();
  const { receipt } = await house.publish([{ subject: 'm1', resource, time }]);
  await house.settled();
  return receipt;
};
const statusOf = async (path: string): Promise<number> => (await house.call('GET', `/fhir/${path}`, { token })).status;
const NOPE = { clinicalStatus: { coding: [{ code: 'NOPE' }] } };
const LABEL = { meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' }] } };

/** ADR 0059: base R4 is checked in a resource that declares no profile. */
it('a code outside a required value set is a dead letter that names the element, and the old one stays', async () => {
  await publish(condition('m1', 'c1'));
  const receipt = await publish(condition('m1', 'c1', NOPE));
  expect(receipt.items).toMatchObject([{ outcome: 'parked', reason: 'invalid-resource' }]);
  const letter = `/events/dead-letters/${receipt.items[0].deadLetter}`;
  await expect
    .poll(async () => (await house.call('GET', letter, { token: house.payerToken })).json().detail)
    .toBe('Condition.clinicalStatus: is not a code of the value set that R4 requires');
  expect((await house.call('GET', '/fhir/Condition/c1', { token })).text).not.toContain('NOPE');
  expect(await statusOf('Condition/c1')).toBe(200);
});

it('a labelled resource with a wrong code is recorded, so that no version without the label stays', async () => {
  await publish(condition('m1', 'c2'));
  expect(await statusOf('Condition/c2')).toBe(200);
  expect((await publish(condition('m1', 'c2', { ...NOPE, ...LABEL }))).counts).toEqual({ recorded: 1 });
  expect(await statusOf('Condition/c2')).toBe(404);
});

it('a wrong code does not keep a Consent from being recorded, or a resource from being removed', async () => {
  const consent = {
    ...{ resourceType: 'Consent', id: 'k1', status: 'NOPE', scope: { text: 'x' }, category: [{ text: 'x' }] },
    patient: { reference: 'Patient/m1' },
    policyRule: { text: 'x' },
  };
  expect((await publish(consent)).counts).toEqual({ recorded: 1 });
  await publish(condition('m1', 'c3'));
  const wrong = { ...NOPE, verificationStatus: { coding: [{ code: 'entered-in-error' }] } };
  expect((await publish(condition('m1', 'c3', wrong))).counts).toEqual({ recorded: 1 });
  expect(await statusOf('Condition/c3')).toBe(410);
});
