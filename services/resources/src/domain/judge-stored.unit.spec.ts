import { expect, it } from 'vitest';
import { judgeStored } from './judge-stored.ts';

const FLOOR = '2016-01-01';
const line = (resource: object): Buffer => Buffer.from(JSON.stringify(resource));
const claim = (more: object = {}): object => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'e1',
  meta: { versionId: '1', lastUpdated: '2025-01-01T00:00:00.000Z' },
  status: 'active',
  use: 'claim',
  type: { text: 'x' },
  patient: { reference: 'Patient/m1' },
  created: '2020-01-01',
  insurer: { display: 'x' },
  provider: { display: 'x' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { display: 'c' } }],
  billablePeriod: { start: '2020-01-01', end: '2020-01-02' },
  ...more,
});

it('gives a line that the rules of today leave alone as it was stored, without encoding it again', () => {
  const stored = line(claim());
  expect(judgeStored(stored, { floor: FLOOR })).toBe(stored);
});
it('removes from a line of an earlier release what the rules of today remove, and keeps its version', () => {
  const stored = line(
    claim({ total: [{ category: { text: 'submitted' }, amount: { value: 12.5, currency: 'USD' } }] }),
  );
  const text = Buffer.from(judgeStored(stored, { floor: FLOOR })!).toString();
  expect(text).not.toMatch(/12\.5|USD/);
  expect(JSON.parse(text)).toMatchObject({ id: 'e1', meta: { versionId: '1' }, billablePeriod: { end: '2020-01-02' } });
});
it('withholds a line of care before the floor, of a type that is withheld, and one that cannot be read', () => {
  expect(
    judgeStored(line(claim({ billablePeriod: { start: '2015-01-01', end: '2015-01-02' } })), { floor: FLOOR }),
  ).toBeUndefined();
  expect(judgeStored(line({ resourceType: 'PaymentReconciliation', id: 'p1' }), { floor: FLOOR })).toBeUndefined();
  expect(judgeStored(Buffer.from('{'), { floor: FLOOR })).toBeUndefined();
});

it('S3: takes the drugs out of a prior authorization that an earlier release stored, or withholds it', () => {
  const product = (system: string, code: string) => ({ coding: [{ system, code }] });
  const drug = { sequence: 1, productOrService: product('http://hl7.org/fhir/sid/ndc', '00074433902') };
  const service = { sequence: 2, productOrService: product('http://www.ama-assn.org/go/cpt', '97110') };
  const stored = (...item: object[]) => line(claim({ use: 'preauthorization', item }));
  const rules = { floor: FLOOR, excludesDrugs: true };
  expect(JSON.parse(Buffer.from(judgeStored(stored(drug, service), rules)!).toString())).toMatchObject({
    item: [service],
  });
  expect(judgeStored(stored(drug), rules)).toBeUndefined();
  expect(judgeStored(stored(drug), { floor: FLOOR })).toBeDefined();
});
