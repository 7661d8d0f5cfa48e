import { expect, test } from 'vitest';
import { read, sources } from './sources.ts';

const product = sources.filter((file) => !file.startsWith('tools/'));
const filesWith = (pattern: RegExp): string[] => product.filter((file) => pattern.test(read(file)));

test('the media type of FHIR is written in two files at most', () => {
  expect(filesWith(/application\\?\/fhir\\?\+json/).length).toBeLessThanOrEqual(2);
  expect(filesWith(/\bFHIR_TYPE\b/).length).toBeGreaterThan(10);
});

test('no handler sends its answer itself, except for the files of the documentation', () => {
  expect(filesWith(/@Res\(/)).toEqual(['services/auth/src/operations/docs/docs.controller.ts']);
});

test('every other route of a controller is an operation, or only says what to call instead', () => {
  const routes = filesWith(/^\s+@(?:Get|Post|Put|Delete|Head|All)\(/m).filter(
    (file) => !/@All\([^)]*\)\n\s+refuse\(\): never/.test(read(file)),
  );
  expect(routes).toEqual(['services/auth/src/operations/docs/docs.controller.ts']);
});
