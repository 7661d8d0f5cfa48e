import { expect, test } from 'vitest';
import { read, sources } from './sources.ts';

const product = sources.filter((file) => !file.startsWith('tools/'));
const filesWith = (pattern: RegExp): string[] => product.filter((file) => pattern.test(read(file)));

test('the media type of FHIR is written in two files at most', () => {
  // A page runs in a browser and imports nothing of the server. A cure is a sentence for developers.
  const texts = /^(services\/portal\/|libs\/kernel\/src\/cures\.ts$)/;
  const written = filesWith(/application\\?\/fhir\\?\+json/).filter((file) => !texts.test(file));
  expect(written.length).toBeLessThanOrEqual(2);
  expect(filesWith(/\bFHIR_TYPE\b/).length).toBeGreaterThan(10);
});

/** They serve files that a build made: the documentation, and the pages for people. */
const FILES = [
  'services/auth/src/operations/docs/docs.controller.ts',
  'services/auth/src/operations/portal/portal.controller.ts',
];

test('no handler sends its answer itself, except for files of a build', () => {
  expect(filesWith(/@Res\(/)).toEqual(FILES);
});

test('every other route is an operation, serves files of a build, or only says what to call instead', () => {
  const routes = filesWith(/^\s+@(?:Get|Post|Put|Delete|Head|All)\(/m).filter(
    (file) => !/@All\([^)]*\)\n\s+refuse\(\): never/.test(read(file)),
  );
  expect(routes).toEqual(FILES);
});
