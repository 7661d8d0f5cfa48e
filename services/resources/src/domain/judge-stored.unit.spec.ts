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
  expect(judgeStored(stored, FLOOR)).toBe(stored);
});
it('removes from a line of an earlier release what the rules of today remove, and keeps its version', () => {
  const stored = line(
    claim({ total: [{ category: { text: 'submitted' }, amount: { value: 12.5, currency: 'USD' } }] }),
  );
  const text = Buffer.from(judgeStored(stored, FLOOR)!).toString();
  expect(text).not.toMatch(/12\.5|USD/);
  expect(JSON.parse(text)).toMatchObject({ id: 'e1', meta: { versionId: '1' }, billablePeriod: { end: '2020-01-02' } });
});
it('withholds a line of care before the floor, of a type that is withheld, and one that cannot be read', () => {
  expect(
    judgeStored(line(claim({ billablePeriod: { start: '2015-01-01', end: '2015-01-02' } })), FLOOR),
  ).toBeUndefined();
  expect(judgeStored(line({ resourceType: 'PaymentReconciliation', id: 'p1' }), FLOOR)).toBeUndefined();
  expect(judgeStored(Buffer.from('{'), FLOOR)).toBeUndefined();
});
