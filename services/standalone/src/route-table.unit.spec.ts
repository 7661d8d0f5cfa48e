import { expect, test } from 'vitest';
import { serviceOf } from './route-table.ts';

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
