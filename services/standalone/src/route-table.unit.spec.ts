import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isInternal, serviceOf } from './route-table.ts';

test.each([
  ['/auth/token', 'auth'],
  ['/auth/check-assertion', 'auth'],
  ['/fhir/.well-known/smart-configuration', 'auth'],
  ['/fhir/Group?identifier=x', 'attribution'],
  ['/fhir/Group/g1/$export?_type=Patient', 'export'],
  ['/fhir/Group/g1/%24export', 'export'],
  ['/fhir/Group/g1/$davinci-data-export/', 'export'],
  ['/fhir/Group/g1/$exports', 'attribution'],
  ['/fhir/Group/$export', 'attribution'],
  ['/fhir/Group/$provider-member-match', 'export'],
  ['/fhir/Group/%24provider-member-match/?x', 'export'],
  ['/fhir/Group/g1/$provider-member-match', 'attribution'],
  ['/fhir/Group/g1/x/$export', 'attribution'],
  ['/fhir/GroupX', 'resources'],
  ['/fhir/bulk', 'export'],
  ['/fhir/bulk/j1/Patient-1.ndjson', 'export'],
  ['/fhir/bulkX', 'resources'],
  ['/fhir/Patient/p1', 'resources'],
  ['/fhir/metadata', 'resources'],
  ['/events/dead-letters/x/replay', 'resources'],
  ['/docs', 'auth'],
  ['/docs/adr/0040.html', 'auth'],
  ['/openapi.json', 'auth'],
  ['/notice', 'auth'],
  ['/providers', 'auth'],
  ['/status?format=json', 'auth'],
  ['/refusals', 'attribution'],
  ['/portal', 'auth'],
  ['/portal/apps/c-1', 'auth'],
  ['/docsx', undefined],
  ['/eventsource', undefined],
  ['/ops/audit/AuditEvent?patient=m', 'attribution'],
  ['/ops/disclosures/document', 'attribution'],
  ['/ops/feeds?from=2026-11-01', 'resources'],
  ['/ops/reviews?limit=3', 'resources'],
  ['/ops/members/find', 'resources'],
  ['/ops/lines', 'auth'],
  ['/fhir/AuditEvent', 'resources'],
  ['/ops/auditX', undefined],
  ['/ops/views', undefined],
  ['/ops/views/export', 'export'],
  ['/ops/health', undefined],
  ['/ops/health/consent', 'consent'],
  ['/', 'auth'],
  ['/?x', 'auth'],
  ['//', undefined],
  ['/authx', undefined],
])('%s belongs to %s', (target, service) => {
  expect(serviceOf(target)).toBe(service);
});

test.each([
  ['/events', true],
  ['/events/receipts/x', true],
  ['/events?x', true],
  ['/EVENTS', true],
  ['//events', true],
  ['/%65vents', true],
  ['/ops/explain?member=m', true],
  ['/ops/audit/AuditEvent', true],
  ['/OPS//audit/AuditEvent', true],
  ['/metrics', true],
  ['/auth/clients/c-1/approve', true],
  ['/auth/register', false],
  ['/auth/token', false],
  ['/auth/check-assertion', false],
  ['/eventsource', false],
  ['/fhir/Group', false],
  ['/health/ready', false],
  ['/', false],
  ['/%', false],
])('%s is for the payer and operators alone: %s', (target, internal) => {
  expect(isInternal(target)).toBe(internal);
});

test('docs/architecture.md names the service of each prefix', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/architecture.md'), 'utf8');
  const section = page.slice(page.indexOf('## Routes'), page.indexOf('## The life of an event'));
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, 3));
  const named = rows.flatMap(([prefixes, text]) => {
    const service = /\w+/.exec(text!)![0];
    return [...prefixes!.matchAll(/`([^`]+)`/g)].map(([, prefix]) => ({ prefix: prefix!, service }));
  });
  expect(named.length).toBeGreaterThan(10);
  const plain = named.filter(({ prefix }) => !prefix.includes('{'));
  expect(plain.map(({ prefix }) => ({ prefix, service: serviceOf(prefix) }))).toEqual(plain);
  const patterns = named.filter(({ prefix }) => prefix.includes('{'));
  expect(patterns).toEqual([
    { prefix: '/fhir/Group/{id}/$export', service: 'export' },
    { prefix: '/fhir/Group/{id}/$davinci-data-export', service: 'export' },
    { prefix: '/ops/views/{service}', service: 'that' },
    { prefix: '/ops/health/{service}', service: 'that' },
  ]);
});
