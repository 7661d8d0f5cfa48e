import { readFileSync } from 'node:fs';
import { afterAll, expect, inject, vi } from 'vitest';

/**
 * Runs before each spec file: property tests take the seed of the suite, and the long suites try twenty times as many
 * cases.
 */
const { testPath } = expect.getState();
// Loading fast-check takes 50 ms, and nine of ten specs do not use it.
if (readFileSync(testPath, 'utf8').includes("'fast-check'")) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: inject('seed'), ...(inject('long') && { numRuns: 20 * 100 }) });
}

// Files of one package share a process, so a file takes its doubles with it.
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});
