import { expect, test } from 'vitest';
import { readExpectedFeeds } from './expected-feeds.ts';

const HOUR = 3_600_000;

test('reads a source, a type and a duration each', () => {
  expect(
    readExpectedFeeds(
      ' urn:roster payer.attribution-asserted 26h,urn:lab  Observation 90m, urn:n payer.network-status-changed 8d, ',
    ),
  ).toEqual([
    { source: 'urn:roster', type: 'payer.attribution-asserted', silentMs: 26 * HOUR },
    { source: 'urn:lab', type: 'Observation', silentMs: 1.5 * HOUR },
    { source: 'urn:n', type: 'payer.network-status-changed', silentMs: 192 * HOUR },
  ]);
});

test.each([
  '',
  ' , ',
  'urn:roster 26h',
  'urn:roster payer.attribution-asserted',
  'urn:roster payer.attribution-asserted 26',
  'urn:roster payer.attribution-asserted 0h',
  'urn:roster payer.attribution-asserted.v1 26h',
  'urn:roster payer.attribution-assert 26h',
  'urn:roster Observatoin 26h',
  'urn:roster Observation 26h 27h',
  Array.from({ length: 51 }, (_, i) => `urn:${i} Patient 1d`).join(),
])('refuses %s', (text) => {
  expect(readExpectedFeeds(text)).toBeUndefined();
});
