import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PLATFORM_FLAGS, platformFlagsOf } from '@provider-access/cli';
import { SERVICES } from '../gateway.ts';
import { read } from './sources.ts';

/** Where a process of the platform starts. Only a shell reads some of these, so they cannot import the flags. */
const STARTS = [
  'package.json',
  ...SERVICES.map((service) => `services/${service}/package.json`),
  'tools/image/app/bin/provider-access',
];

test.each(STARTS)('%s starts with the flags of V8 that were measured', (file) => {
  const given = read(file).match(/--(?:max-semi-space-size|heap-growing-percent)=\d+/g);
  expect(given).toEqual(PLATFORM_FLAGS);
});

test('a checkout starts with the flags of its own `npm start`', () => {
  expect(platformFlagsOf(join(import.meta.dirname, '../../..'))).toEqual(PLATFORM_FLAGS);
});
