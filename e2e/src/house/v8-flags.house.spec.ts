import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PLATFORM_FLAGS, PLATFORM_MALLOC, platformFlagsOf, platformMallocOf } from '@provider-access/cli';
import { SERVICES } from '../gateway.ts';
import { read } from './sources.ts';

/** Where a process of the platform starts. Only a shell reads some of these, so they cannot import the flags. */
const STARTS = [
  'package.json',
  ...SERVICES.map((service) => `services/${service}/package.json`),
  'tools/image/app/bin/provider-access',
];

test.each(STARTS)('%s starts with the settings of V8 and glibc that were measured', (file) => {
  const text = read(file);
  expect(text.match(/--(?:max-semi-space-size|heap-growing-percent)=\d+/g)).toEqual(PLATFORM_FLAGS);
  // As an assignment of a shell, or as a property.
  const given = text.matchAll(/(MALLOC_\w+)(?:=|: ')(\d+)/g);
  expect(Object.fromEntries(Array.from(given, ([, name, value]) => [name, value]))).toEqual(PLATFORM_MALLOC);
});

test('a checkout starts with the settings of its own `npm start`', () => {
  const checkout = join(import.meta.dirname, '../../..');
  expect(platformFlagsOf(checkout)).toEqual(PLATFORM_FLAGS);
  expect(platformMallocOf(checkout)).toEqual(PLATFORM_MALLOC);
});
