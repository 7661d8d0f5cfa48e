import { expect, test } from 'vitest';
import type { PayerEventType } from '@provider-access/events';
import { eventOf, faultsOf } from './statement.ts';

const faults = (type: PayerEventType, data: Record<string, unknown>, subject = 'm-1'): string[] =>
  faultsOf(eventOf({ type, subject, data })).map(({ path, text }) => `${path}: ${text}`);
const NPI = '1234567893';
const OUT = 'payer.member-opted-out.v2';
const ATTRIBUTED = 'payer.attribution-asserted.v1';

test.each<[PayerEventType, Record<string, unknown>]>([
  [OUT, { scope: 'global' }],
  [OUT, { scope: 'provider-specific', targets: [{ npi: NPI }] }],
  [OUT, { scope: 'provider-specific', targets: [{ tin: '12-3456789' }], effectiveFrom: '2026-12-01' }],
  [ATTRIBUTED, { provider: { npi: NPI }, from: '2026-01-01', to: '2026-01-01' }],
  [ATTRIBUTED, { provider: { tin: '123456789' }, from: '2026-01-01T10:00:00Z', to: undefined }],
  ['payer.member-terminated.v1', { to: '2026-06-30' }],
])('%s with %j has no fault', (type, data) => {
  expect(faults(type, data)).toEqual([]);
});

test.each<[PayerEventType, Record<string, unknown>, RegExp]>([
  [OUT, { scope: 'everything' }, /^scope: /],
  [OUT, { scope: 'provider-specific' }, /^targets: a provider-specific opt-out names a provider/],
  [OUT, { scope: 'global', targets: [{ npi: NPI }] }, /^scope: .*provider-specific does/],
  [OUT, { scope: 'provider-specific', targets: [{ npi: '1234567890' }] }, /^targets\.0\.npi: .*check digit/],
  [OUT, { effectiveFrom: '2026-02-30' }, /^effectiveFrom: .*exist/],
  [ATTRIBUTED, { provider: {}, from: '2026-01-01' }, /^provider: npi or tin is required/],
  [ATTRIBUTED, { provider: { npi: '9234567893' }, from: '2026-01-01' }, /^provider\.npi: .*check digit/],
  [ATTRIBUTED, { provider: { npi: NPI }, from: '2026-01-02', to: '2026-01-01' }, /^to: the end lies before/],
  [ATTRIBUTED, { provider: { npi: NPI }, from: '1/2/2026' }, /^from: /],
  ['payer.network-status-changed.v1', { npi: NPI, status: 'in', from: '2026-01-01' }, /^status: /],
  ['payer.member-enrolled.v1', { from: '2026-01-01' }, /^coverageId: /],
])('%s with %j names the attribute and what is wrong', (type, data, fault) => {
  expect(faults(type, data)).toEqual([expect.stringMatching(fault)]);
});

test('a subject that is no id is a fault of the subject', () => {
  expect(faults(OUT, {}, 'm 1')).toEqual([expect.stringMatching(/^subject: .*an id/)]);
  expect(faults(OUT, {}, 'shared')).toEqual([expect.stringMatching(/^subject: .*no member id/)]);
});
