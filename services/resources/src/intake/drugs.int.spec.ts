import { afterEach, expect, it } from 'vitest';
import { DEFAULT_LABEL_POLICY, withDrugs } from '@provider-access/domain/pdex/labels';
import { House, type HouseOptions, type Loose } from '../../test/harness.ts';

let house: House;
let token: string;
afterEach(() => house.close());
const open = async (options: HouseOptions = {}): Promise<void> => {
  house = await House.open(options);
  await house.approve('app1');
  await house.attribute('m1');
  token = await house.token('app1');
};
const coded = (system: string, code: string, display: string) => ({ coding: [{ system, code, display }] });
const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
const DRUG = { sequence: 1, productOrService: coded(HCPCS, 'J0897', 'Injection, denosumab, 1 mg'), noteNumber: [1] };
const SERVICE = { sequence: 2, productOrService: coded('http://www.ama-assn.org/go/cpt', '96401', 'Therapy') };
const authorization = (id: string, ...item: object[]): object => ({
  ...{ resourceType: 'ExplanationOfBenefit', id, status: 'active', use: 'preauthorization', outcome: 'complete' },
  type: coded('http://terminology.hl7.org/CodeSystem/claim-type', 'professional', 'Professional'),
  patient: { reference: 'Patient/m1' },
  created: '2025-01-01',
  insurer: { reference: 'Organization/o' },
  provider: { reference: 'Organization/p' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  item,
  processNote: [{ number: 1, text: 'Prolia: approved' }],
});
const read = async (path: string): Promise<{ status: number; json: Loose }> => {
  const answer = await house.call('GET', `/fhir/ExplanationOfBenefit/${path}`, { token });
  return { status: answer.status, json: answer.json() };
};
const publish = async (...resources: object[]): Promise<Loose> => {
  const { receipt } = await house.publish(resources.map((resource, i) => ({ id: `e${i}`, subject: 'm1', resource })));
  await house.settled();
  return receipt;
};

it('R20, S3, N70: a mixed prior authorization keeps its services, and the receipt says what it lost', async () => {
  await open();
  const receipt = await publish(authorization('mixed', DRUG, SERVICE), authorization('drug', DRUG), {
    ...authorization('text', { sequence: 1, productOrService: { text: 'a product' } }),
  });
  expect(receipt.removed).toEqual({
    'ExplanationOfBenefit.item -> drug': 1,
    'ExplanationOfBenefit.processNote -> drug': 1,
    'ExplanationOfBenefit -> drug': 1,
  });
  expect(receipt.unresolved).toEqual({ 'ExplanationOfBenefit.item.productOrService -> ?': 1 });
  const { status, json } = await read('mixed');
  expect([status, json.item]).toEqual([200, [SERVICE]]);
  expect(JSON.stringify(json)).not.toMatch(/J0897|denosumab|Prolia/);
  expect([(await read('drug')).status, (await read('text')).status]).toEqual([404, 200]);
  const found = await house.call('GET', '/fhir/ExplanationOfBenefit?patient=m1', { token });
  expect(found.text).not.toMatch(/J0897|denosumab/);
});

it('N70: where drugs are included, nothing is taken out', async () => {
  const resource = authorization('mixed', DRUG, SERVICE);
  await open({ labels: withDrugs(DEFAULT_LABEL_POLICY, '2020-01-01T00:00:00.000Z') });
  expect((await publish(resource, authorization('drug', DRUG))).removed).toEqual({});
  expect((await read('mixed')).json.item).toHaveLength(2);
  expect((await read('drug')).status).toBe(200);
});

it('a drug authorization that is entered in error at once does not exist either', async () => {
  await open();
  const wrong = { status: 'entered-in-error' };
  await publish({ ...authorization('drug', DRUG), ...wrong }, { ...authorization('service', SERVICE), ...wrong });
  expect([(await read('drug')).status, (await read('service')).status]).toEqual([404, 200]);
});
