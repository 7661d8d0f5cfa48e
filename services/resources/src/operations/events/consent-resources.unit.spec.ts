import { expect, it } from 'vitest';
import { fromObject } from '../../../test/former-incoming.ts';

const deny = {
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  patient: { reference: 'Patient/m1' },
  provision: { type: 'deny' },
};
const event = (resource: object, over: object = {}) => ({
  specversion: '1.0',
  id: 'e1',
  source: '/payer',
  type: 'payer.resource-recorded.v1',
  time: '2026-01-01T00:00:00Z',
  subject: 'm1',
  data: { resource },
  ...over,
});

it('a FHIR Consent that denies is waited for and answered as an opt-out', () => {
  expect(fromObject(0, event(deny), 'r1')).toMatchObject({ ok: true, topic: 'payer.member-events', consent: true });
});

it.each<[string, object]>([
  ['a Consent that permits', { ...deny, provision: { type: 'permit' } }],
  ['a Consent that is not in force', { ...deny, status: 'inactive' }],
  ['another resource', { resourceType: 'Condition', id: 'c1', provision: { type: 'deny' } }],
])('%s is not', (_what, resource) =>
  expect(fromObject(0, event(resource), 'r1')).toMatchObject({ ok: true, consent: false }),
);

it.each<[string, object, string]>([
  ['without a subject', { subject: undefined }, 'missing-subject'],
  ['with a subject that is no id', { subject: 'Patient/m 1' }, 'invalid-subject'],
  ['among provider events', { type: 'payer.provider-recorded.v1', subject: '1234567893' }, 'not-a-provider-type'],
])('one %s is refused, as an opt-out would be', (_what, over, reason) => {
  const body = event(deny, over);
  expect(fromObject(0, JSON.parse(JSON.stringify(body)), 'r1')).toMatchObject({ ok: false, reason });
});
