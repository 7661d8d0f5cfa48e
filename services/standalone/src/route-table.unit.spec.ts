import { expect, test } from 'vitest';
import { isInternal, serviceOf } from './route-table.ts';

test.each([
  ['/auth/token', 'auth'],
  ['/fhir/.well-known/smart-configuration', 'auth'],
  ['/fhir/Group?identifier=x', 'attribution'],
  ['/fhir/Group/g1/$export?_type=Patient', 'attribution'],
  ['/fhir/GroupX', 'resources'],
  ['/fhir/bulk/j1/Patient-1.ndjson', 'export'],
  ['/fhir/Patient/p1', 'resources'],
  ['/fhir/metadata', 'resources'],
  ['/events/dead-letters/x/replay', 'resources'],
  ['/eventsource', undefined],
  ['/ops/views', undefined],
  ['/ops/views/export', 'export'],
  ['/', undefined],
  ['/authx', undefined],
])('%s belongs to %s', (target, service) => {
  expect(serviceOf(target)).toBe(service);
});

test.each([
  ['/events', true], ['/events/receipts/x', true], ['/events?x', true], ['/EVENTS', true], ['//events', true], ['/%65vents', true], ['/ops/explain?member=m', true], ['/metrics', true],
  ['/auth/clients/c-1/approve', true], ['/auth/register', false], ['/auth/token', false], ['/eventsource', false], ['/fhir/Group', false], ['/health/ready', false], ['/', false], ['/%', false],
])('%s is for the payer and operators alone: %s', (target, internal) => {
  expect(isInternal(target)).toBe(internal);
});
